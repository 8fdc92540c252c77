import { editor } from 'monaco-editor/editor';
import { afterEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { applyUpdate, decodeUpdate, Doc, encodeStateAsUpdate, encodeStateVector, type Item, type Text } from 'yjs';
import { CodeBinding } from './binding';

const { LF } = editor.EndOfLinePreference;
const cleanup: (() => void)[] = [];

afterEach(() => {
  for (const undo of cleanup.splice(0).reverse()) undo();
});

interface Client {
  doc: Doc;
  text: Text;
  model: editor.ITextModel;
  binding: CodeBinding;
  type: (at: number, text: string, replaced?: number) => void;
}

function client({ initial = '', crlf = false, canWrite = true } = {}): Client {
  const doc = new Doc();
  const text = doc.getText('content');
  if (initial) text.insert(0, initial);
  const created = editor.createModel('', 'plaintext');
  if (crlf) created.setEOL(editor.EndOfLineSequence.CRLF);
  const binding = new CodeBinding({ text, model: created, canWrite: () => canWrite });
  cleanup.push(() => {
    binding.destroy();
    created.dispose();
  });
  return {
    doc,
    text,
    model: created,
    binding,
    type: (at, typed, replaced = 0) => {
      const from = created.getPositionAt(at);
      const to = created.getPositionAt(at + replaced);
      const range = { startLineNumber: from.lineNumber, startColumn: from.column, endLineNumber: to.lineNumber, endColumn: to.column };
      created.pushEditOperations(null, [{ range, text: typed }], () => null);
    },
  };
}

/** Delivers updates between clients on request, like a network. */
function join(...clients: Client[]) {
  const [first, ...rest] = clients;
  for (const other of rest) applyUpdate(other.doc, encodeStateAsUpdate(first!.doc), 'remote');
  const waiting: { to: Client; update: Uint8Array }[] = [];
  for (const from of clients) {
    from.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === 'remote') return;
      for (const to of clients) if (to !== from) waiting.push({ to, update });
    });
  }
  const deliver = (index = 0) => {
    const [next] = waiting.splice(index, 1);
    if (next) applyUpdate(next.to.doc, next.update, 'remote');
  };
  return { waiting, deliver, all: () => { while (waiting.length > 0) deliver(); } };
}

const settled = () => new Promise<void>((resolve) => queueMicrotask(resolve));
const value = ({ model }: Client) => model.getValue(LF);

function expectEqual(...clients: Client[]) {
  for (const each of clients) {
    expect(value(each)).toBe(each.text.toString());
    expect(value(each)).toBe(value(clients[0]!));
    expect(each.binding.heals).toBe(0);
  }
}

describe('text', () => {
  it('carries edits both ways', () => {
    const [ada, bob] = [client({ initial: 'one\ntwo\n' }), client()];
    const network = join(ada, bob);
    ada.type(4, 'and ');
    bob.type(0, 'zero\n', 3);
    network.all();
    expectEqual(ada, bob);
    expect(value(ada)).toBe('zero\n\nand two\n');
  });

  it('carries many edits of one change', () => {
    const [ada, bob] = [client({ initial: 'a b c d' }), client()];
    const network = join(ada, bob);
    const at = (column: number) => ({ startLineNumber: 1, startColumn: column, endLineNumber: 1, endColumn: column + 1 });
    ada.model.pushEditOperations(null, [{ range: at(1), text: 'one' }, { range: at(5), text: '' }, { range: at(7), text: 'four\n' }], () => null);
    network.all();
    expectEqual(ada, bob);
    expect(value(bob)).toBe('one b  four\n');
  });

  it('applies one remote transaction of many edits in one go', () => {
    const [ada, bob] = [client({ initial: 'abcdefgh' }), client()];
    const network = join(ada, bob);
    let changes = 0;
    const listener = bob.model.onDidChangeContent(() => changes++);
    cleanup.push(() => listener.dispose());
    ada.doc.transact(() => {
      ada.text.insert(8, '!');
      ada.text.delete(4, 2);
      ada.text.insert(4, 'XYZ');
      ada.text.insert(0, '>');
    });
    network.all();
    expectEqual(ada, bob);
    expect(changes).toBe(1);
  });

  it('keeps the order of several texts that one change puts at one place', () => {
    const ada = client({ initial: 'one two' });
    const at = { startLineNumber: 1, startColumn: 4, endLineNumber: 1, endColumn: 4 };
    const word = { ...at, endColumn: 8 };
    ada.model.pushEditOperations(null, [{ range: at, text: 'A' }, { range: at, text: 'B' }, { range: word, text: 'C' }], () => null);
    expectEqual(ada);
  });

  it('forces LF on a CRLF model and on one that is switched to CRLF', () => {
    const [ada, bob] = [client({ crlf: true }), client()];
    const network = join(ada, bob);
    ada.type(0, 'one\r\ntwo\r\n');
    ada.model.setEOL(editor.EndOfLineSequence.CRLF);
    ada.type(8, 'three');
    network.all();
    expectEqual(ada, bob);
    expect(value(bob)).toBe('one\ntwo\nthree');
  });

  it('cleans CR and embeds that others put into the text, and agrees', async () => {
    const [ada, bob] = [client(), client()];
    const network = join(ada, bob);
    const other = new Doc();
    other.getText('content').insert(0, 'one\r\ntwo\rthree');
    other.getText('content').insertEmbed(3, { image: 'x' });
    for (const each of [ada, bob]) applyUpdate(each.doc, encodeStateAsUpdate(other), 'remote');
    await settled();
    network.all();
    ada.type(value(ada).length, '!');
    network.all();
    expectEqual(ada, bob);
    expect(value(ada)).toBe('one\ntwothree!');
  });

  it('shows a viewer text with CR without changing it', async () => {
    const viewer = client({ canWrite: false });
    const other = new Doc();
    other.getText('content').insert(0, 'a\r\nb');
    applyUpdate(viewer.doc, encodeStateAsUpdate(other), 'remote');
    await settled();
    expect(value(viewer)).toBe('a\nb');
    expect(viewer.text.toString()).toBe('a\r\nb');
  });

  it('keeps a byte order mark that is in the text', () => {
    const ada = client({ initial: '\uFEFFabc' });
    expect(ada.model.getValueLength(LF)).toBe(ada.text.length);
    ada.type(4, 'd');
    expect(ada.text.toString()).toBe('\uFEFFabcd');
    expect(ada.binding.heals).toBe(0);
  });

  it('reverts changes by a viewer', () => {
    const viewer = client({ initial: 'fixed', canWrite: false });
    viewer.type(0, 'not ');
    expect(value(viewer)).toBe('fixed');
    expect(viewer.text.toString()).toBe('fixed');
  });

  it('corrects and reports an edit inside of another transaction', () => {
    const ada = client({ initial: 'abc' });
    ada.doc.transact(() => {
      ada.text.insert(0, '1');
      ada.type(3, 'x');
    });
    expect(value(ada)).toBe(ada.text.toString());
    expect(ada.binding.heals).toBe(1);
  });

  it('leaves no listener behind', () => {
    const ada = client({ initial: 'abc' });
    ada.binding.destroy();
    ada.type(0, 'x');
    ada.text.insert(3, 'y');
    expect(ada.text.toString()).toBe('abcy');
    expect(value(ada)).toBe('xabc');
  });
});

describe('a change of thousands of places', () => {
  const initial = 'let old = 1;\n'.repeat(900);

  function replaceAll(each: Client, from: string, to: string) {
    const matches = each.model.findMatches(from, false, false, true, null, false, 900);
    // Unsorted, as an extension might do.
    each.model.pushEditOperations(null, matches.toReversed().map(({ range }) => ({ range, text: to })), () => null);
  }

  it('is one update with its places in ascending order, and one step of undo', () => {
    const ada = client({ initial });
    const bob = client();
    const network = join(ada, bob);
    replaceAll(ada, 'old', 'newer');
    expect(network.waiting).toHaveLength(1);
    const starts = decodeUpdate(network.waiting[0]!.update).structs.map((struct) => (struct as Item).origin?.clock ?? 0);
    expect(starts).toHaveLength(900);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    network.all();
    expectEqual(ada, bob);
    expect(value(bob)).toBe(initial.replaceAll('old', 'newer'));
    void ada.model.undo();
    expect(network.waiting).toHaveLength(1);
    network.all();
    expectEqual(ada, bob);
    expect(value(bob)).toBe(initial);
    void ada.model.redo();
    network.all();
    expectEqual(ada, bob);
    expect(value(bob)).toBe(initial.replaceAll('old', 'newer'));
  });
});

describe('surrogate pairs', () => {
  /** A client that has only the text, edited as no editor would: between any two units. */
  function stock(initial: string) {
    const doc = new Doc();
    doc.getText('content').insert(0, initial);
    return doc;
  }

  it.each<[string, (text: Text) => void]>([
    ['an insert between the halves', (text) => text.insert(2, 'X')],
    ['the low half deleted', (text) => text.delete(2, 1)],
    ['the high half deleted', (text) => text.delete(1, 1)],
    ['the end of a longer deletion', (text) => text.delete(0, 2)],
    ['the low half replaced', (text) => { text.delete(2, 1); text.insert(2, '\ude01'); }],
    ['an insert between the halves that is gone again', (text) => { text.insert(2, 'X'); text.delete(2, 1); }],
    ['a format that begins between the halves', (text) => text.format(2, 1, { bold: true })],
    ['both halves deleted around a new text', (text) => { text.insert(2, 'X'); text.delete(3, 1); text.delete(1, 1); }],
  ])('are drawn as the text has them after %s', (_, edit) => {
    const other = stock('a😀b\n');
    const [ada, server] = [client(), new Doc()];
    for (const doc of [ada.doc, server]) applyUpdate(doc, encodeStateAsUpdate(other), 'remote');
    const known = encodeStateVector(other);
    other.transact(() => edit(other.getText('content')));
    for (const doc of [ada.doc, server]) applyUpdate(doc, encodeStateAsUpdate(other, known), 'remote');
    expect(value(ada)).toBe(server.getText('content').toString());
    expectEqual(ada);
    ada.type(value(ada).length - 1, '!');
    applyUpdate(server, encodeStateAsUpdate(ada.doc, encodeStateVector(server)));
    expect(value(ada)).toBe(server.getText('content').toString());
    expectEqual(ada);
  });

  it('are shared only whole: halves that arrive one after the other become two replacement characters', () => {
    const [ada, bob] = [client({ initial: 'ab' }), client()];
    const network = join(ada, bob);
    ada.type(1, '\ud83d');
    expect(value(ada)).toBe('a\ufffdb');
    ada.type(2, '\ude00');
    ada.type(0, '\ude00 and 😀 and \ud83d');
    network.all();
    expectEqual(ada, bob);
    expect(value(bob)).toBe('\ufffd and 😀 and \ufffda\ufffd\ufffdb');
  });
});

describe('a change that was drawn wrongly', () => {
  it('is noticed in the touched lines though the lengths are equal', () => {
    const [ada, bob] = [client({ initial: 'one\ntwo\n' }), client()];
    const network = join(ada, bob);
    // As if an edit had been drawn at the wrong place.
    const applyEdits = bob.model.applyEdits.bind(bob.model);
    const draw = vi.spyOn(bob.model, 'applyEdits') as MockInstance<(edits: editor.IIdentifiedSingleEditOperation[]) => void>;
    draw.mockImplementationOnce((edits) => {
      applyEdits(edits.map((edit) => ({ ...edit, range: { ...edit.range, startColumn: 1, endColumn: 1 } })));
    });
    ada.type(3, '!');
    network.all();
    expect(bob.binding.heals).toBe(1);
    expect(value(bob)).toBe('one!\ntwo\n');
  });
});

describe('undo', () => {
  it('takes back own edits only', () => {
    const [ada, bob] = [client({ initial: '-' }), client()];
    const network = join(ada, bob);
    ada.type(1, 'hello');
    network.all();
    bob.type(0, 'REMOTE');
    network.all();
    void ada.model.undo();
    network.all();
    expectEqual(ada, bob);
    expect(value(ada)).toBe('REMOTE-');
    expect(ada.model.canUndo()).toBe(false);
    void ada.model.redo();
    network.all();
    expectEqual(ada, bob);
    expect(value(bob)).toBe('REMOTE-hello');
  });

  it('does nothing for a viewer', () => {
    const viewer = client({ initial: 'x', canWrite: false });
    expect(viewer.model.canUndo()).toBe(false);
    void viewer.model.undo();
    expect(value(viewer)).toBe('x');
  });
});

/** A reproducible source of random numbers. */
function chance(seed: number) {
  let state = seed >>> 0;
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const PIECES = ['a', 'word', '\n', '  ', '{\r\n}\r\n', '😀', 'é', '\t', 'x\ny\nz', ''];

function randomStep(each: Client, pick: (below: number) => number) {
  const length = each.model.getValueLength(LF);
  const kind = pick(10);
  if (kind === 0) return void each.model.undo();
  if (kind === 1) return void each.model.redo();
  const places = kind < 4 ? 3 : 1;
  const offsets = Array.from({ length: places }, () => pick(length + 1)).sort((a, b) => a - b);
  const edits: editor.IIdentifiedSingleEditOperation[] = [];
  let free = 0;
  for (const start of offsets) {
    const from = each.model.getPositionAt(start);
    const to = each.model.getPositionAt(start + pick(6));
    // Monaco widens a range that would split a surrogate pair.
    const range = each.model.validateRange({ startLineNumber: from.lineNumber, startColumn: from.column, endLineNumber: to.lineNumber, endColumn: to.column });
    if (each.model.getOffsetAt(range.getStartPosition()) < free) continue;
    free = each.model.getOffsetAt(range.getEndPosition()) + 1;
    edits.push({ range, text: PIECES[pick(PIECES.length)]! });
  }
  each.model.pushEditOperations(null, edits, () => null);
}

describe('random histories', () => {
  const seed = Number(import.meta.env.VITE_SEED ?? Date.now() % 1_000_000);

  it(`of four clients converge without healing (VITE_SEED=${seed})`, () => {
    const pick = chance(seed);
    const clients = [client({ initial: 'start\nof 😀 it\n' }), client(), client(), client()];
    const network = join(...clients);
    for (let step = 0; step < 1500; step++) {
      if (pick(3) > 0) {
        randomStep(clients[pick(4)]!, pick);
      } else {
        // Only the oldest message to each receiver: a connection keeps its order.
        const to = clients[pick(4)]!;
        const oldest = network.waiting.findIndex((message) => message.to === to);
        if (oldest >= 0) network.deliver(oldest);
      }
    }
    network.all();
    expectEqual(...clients);
  });

  const UNITS = ['a', '\n', '😀', '👩‍👩‍👧', '🏳️‍🌈', 'e\u0301', '\ud83d', '\ude00', 'x😀y', ''];

  it(`of emoji and half pairs leave the page equal to the server after each step (VITE_SEED=${seed})`, () => {
    const pick = chance(seed);
    const page = client({ initial: '😀\n👩‍👩‍👧 and 🏳️‍🌈\n' });
    const [server, stock] = [new Doc(), new Doc()];
    const send = (from: Doc, to: Doc) => applyUpdate(to, encodeStateAsUpdate(from, encodeStateVector(to)), 'remote');
    send(page.doc, server);
    send(server, stock);
    for (let step = 0; step < 1500; step++) {
      const text = stock.getText('content');
      if (pick(2) === 0) {
        // At any unit, also between the halves of a pair.
        stock.transact(() => {
          for (let edits = pick(3); edits >= 0; edits--) {
            const at = pick(text.length + 1);
            if (pick(3) === 0) text.delete(at, Math.min(pick(4), text.length - at));
            text.insert(at, UNITS[pick(UNITS.length)]!);
          }
        });
      } else {
        const at = pick(value(page).length + 1);
        page.type(at, UNITS[pick(UNITS.length)]!, pick(3));
      }
      // Sometimes both have written before they read.
      if (pick(3) > 0) send(stock, server);
      send(page.doc, server);
      send(server, page.doc);
      expectEqual(page);
      expect(value(page)).toBe(server.getText('content').toString());
      if (pick(2) > 0) send(server, stock);
    }
  });
});
