import { expect, it } from 'vitest';
import { applyUpdate, Doc, encodeStateAsUpdate } from 'yjs';
import { Reissue } from './reissue';

function replica(client: number, ...states: Doc[]): Doc {
  const doc = new Doc();
  for (const state of states) applyUpdate(doc, encodeStateAsUpdate(state));
  // Afterwards: Yjs changes its id if it finds it in use.
  return Object.assign(doc, { clientID: client });
}

const text = (doc: Doc) => doc.getText('content');

/** A page at client 1 whose words from some clock on are not the server's, because others wrote under its id. */
function conflict(forge: (intruder: Doc) => void) {
  const page = replica(1);
  text(page).insert(0, 'saved ');
  const intruder = replica(1, page);
  const server = replica(2, page);
  forge(intruder);
  applyUpdate(server, encodeStateAsUpdate(intruder));
  return { page, server };
}

it('makes the words again at their places, beside the text written under their id', () => {
  const { page, server } = conflict((intruder) => text(intruder).insert(6, 'evil'));
  text(page).insert(6, 'good words');
  text(page).delete(6, 1);
  text(page).insert(0, '# ');
  const again = new Reissue(page, [1], { client: 1, clock: 6 }, server, 'content');
  applyUpdate(server, again.all());
  const [first, second] = ['evilood words', 'ood wordsevil'].map((end) => `# saved ${end}`);
  expect([first, second]).toContain(text(server).toString());
  expect(server.store.pendingStructs).toBeNull();
  expect(server.store.pendingDs).toBeNull();
});

it('keeps words whose clocks were deleted by the other author', () => {
  const { page, server } = conflict((intruder) => {
    text(intruder).insert(6, 'evil');
    text(intruder).delete(6, 4);
  });
  text(page).insert(6, 'goodwords');
  applyUpdate(server, new Reissue(page, [1], { client: 1, clock: 6 }, server, 'content').all());
  expect(text(server).toString()).toBe('saved goodwords');
});

it('follows the page while it is still typed in', () => {
  const { page, server } = conflict((intruder) => text(intruder).insert(0, 'evil '));
  text(page).insert(6, 'good');
  const again = new Reissue(page, [1], { client: 1, clock: 6 }, server, 'content');
  applyUpdate(server, again.all());
  page.on('update', (update) => applyUpdate(server, again.again(update)));
  text(page).insert(10, ' words');
  text(page).delete(0, 2);
  expect(text(server).toString()).toBe('evil ved good words');
});

it('sends the deletions of a page that wrote nothing', () => {
  const { page, server } = conflict(() => undefined);
  const other = replica(3, page);
  text(other).delete(0, 2);
  applyUpdate(server, new Reissue(other, [3], null, server, 'content').all());
  expect(text(server).toString()).toBe('ved ');
});

it('places words whose neighbours are gone after the remaining text', () => {
  const page = replica(1);
  const lost = replica(3);
  text(lost).insert(0, 'lost');
  applyUpdate(page, encodeStateAsUpdate(lost));
  text(page).insert(2, 'kept');
  const server = replica(2);
  text(server).insert(0, 'server ');
  applyUpdate(server, new Reissue(page, [1], null, server, 'content').all());
  expect(['kept', 'server '].every((part) => text(server).toString().includes(part))).toBe(true);
  expect(server.store.pendingStructs).toBeNull();
});

it('loses no word and leaves nothing pending in random histories', () => {
  const seed = Date.now();
  let state = seed % 2 ** 31;
  const below = (end: number) => {
    state = (state * 48_271) % (2 ** 31 - 1);
    return state % end;
  };
  const pieces = ['a', 'bc', 'ö', '\n', 'word '];
  const scribble = (doc: Doc, edits: number) => {
    for (let edit = 0; edit < edits; edit += 1) {
      const { length } = text(doc);
      if (length > 3 && below(3) === 0) text(doc).delete(below(length - 2), 1 + below(2));
      else text(doc).insert(below(length + 1), pieces[below(pieces.length)] ?? 'x');
    }
  };
  for (let round = 0; round < 200; round += 1) {
    const other = replica(2);
    const page = replica(1);
    for (const doc of [other, page, other, page]) {
      applyUpdate(doc, encodeStateAsUpdate(doc === page ? other : page));
      scribble(doc, 1 + below(6));
    }
    const [server, intruder] = [replica(3, page, other), replica(1, page)];
    const clock = page.store.clients.get(1)?.at(-1);
    const known = clock === undefined ? 0 : clock.id.clock + clock.length;
    scribble(intruder, 1 + below(4));
    applyUpdate(server, encodeStateAsUpdate(intruder));
    const before = text(server).toString();
    text(page).insert(below(text(page).length + 1), 'GOODWORDS');
    applyUpdate(server, new Reissue(page, [1], { client: 1, clock: known }, server, 'content').all());
    const after = text(server).toString();
    expect(after.replace('GOODWORDS', ''), `seed ${seed}`).toBe(before);
    expect(after.length, `seed ${seed}`).toBe(before.length + 9);
    expect(server.store.pendingStructs).toBeNull();
    expect(server.store.pendingDs).toBeNull();
  }
});
