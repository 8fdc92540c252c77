import * as encoding from 'lib0/encoding';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { applyUpdate, Doc, encodeStateAsUpdate } from 'yjs';
import { FakeSocket } from './fakeSocket';
import { Replica } from './replica';

let replica: Replica;
let replaced: number;

const settle = () => vi.advanceTimersByTimeAsync(0);
const socket = () => FakeSocket.all.at(-1)!;
const text = () => replica.shared.text;
const conflict = (client: number, clock: number) =>
  socket().special(3, (encoder) => encoding.writeVarString(encoder, JSON.stringify({ code: 'client_conflict', message: '', client, clock })));

/** The server's document: the page's words up to the clock of the conflict, and an intruder's under the same id. */
function server(): Doc {
  const doc = new Doc();
  applyUpdate(doc, encodeStateAsUpdate(replica.shared.doc));
  const intruder = new Doc();
  applyUpdate(intruder, encodeStateAsUpdate(doc));
  intruder.clientID = replica.shared.doc.clientID;
  intruder.getText('content').insert(0, 'evil ');
  applyUpdate(doc, encodeStateAsUpdate(intruder));
  return doc;
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.spyOn(console, 'warn').mockReturnValue(undefined);
  FakeSocket.all = [];
  replaced = 0;
  const requestTicket = () => Promise.resolve({ ticket: 't', role: 'editor' as const });
  replica = new Replica({ id: 'd', socketUrl: 'ws://host/socket', requestTicket }, () => (replaced += 1));
  await settle();
  await socket().welcome();
  text().insert(0, 'saved ');
  await socket().echo(1);
});

afterEach(() => {
  replica.destroy();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it('makes displaced words again in a new Y.Doc, with text typed in between, and shows saved only for the new one', async () => {
  const there = server();
  const before = replica.shared;
  text().insert(6, 'good ');
  expect(replica.status.get().unsaved).toBe(1);
  await conflict(before.doc.clientID, 6);
  await settle();
  text().insert(11, 'words ');
  expect(replica.status.get()).toMatchObject({ phase: 'connecting', loaded: true });
  expect(replica.status.get().unsaved).toBeGreaterThan(0);
  expect([replaced, FakeSocket.all.length]).toEqual([0, 2]);
  await socket().welcome({ doc: there });
  expect(replaced).toBe(1);
  expect(replica.shared.doc).not.toBe(before.doc);
  expect(text().toString()).toBe('evil saved good words ');
  // The editor may still be bound to the old text for a moment.
  before.text.insert(before.text.length, 'too');
  expect(text().toString()).toBe('evil saved good words too');
  expect(replica.status.get().unsaved).toBeGreaterThan(0);
  const { said } = socket();
  expect(said).toContain('step2');
  const mark = Number(said.filter((word) => word.startsWith('mark')).at(-1)?.split(' ')[1]);
  await socket().echo(mark);
  await socket().echo(mark + 1);
  expect(replica.status.get()).toMatchObject({ phase: 'live', unsaved: 0 });
});

it('takes the text of the server where nothing of its own was displaced', async () => {
  const there = server();
  await conflict(7, 0);
  await settle();
  await socket().welcome({ doc: there });
  expect(text().toString()).toBe('evil saved ');
});

it('makes words again a second time', async () => {
  const there = server();
  text().insert(6, 'good ');
  await conflict(replica.shared.doc.clientID, 6);
  await settle();
  await socket().welcome({ doc: there });
  expect(text().toString()).toBe('evil saved good ');
  await conflict(replica.shared.doc.clientID, 0);
  await settle();
  await socket().welcome({ doc: there });
  expect(text().toString()).toBe('evil saved good ');
});

it('gives up, and keeps the words on the screen, where conflicts do not end', async () => {
  const there = server();
  text().insert(6, 'good ');
  for (let round = 0; round < 6; round += 1) {
    await conflict(replica.shared.doc.clientID, 6);
    await settle();
    if (round < 5) await socket().welcome({ doc: there });
  }
  expect(replica.status.get()).toMatchObject({ phase: 'refused' });
  expect(text().toString()).toBe('evil saved good ');
});
