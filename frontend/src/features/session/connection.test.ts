import * as encoding from 'lib0/encoding';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Awareness } from 'y-protocols/awareness';
import * as sync from 'y-protocols/sync';
import { Doc } from 'yjs';
import { ApiError } from '@/lib/api/errors';
import { Connection } from './connection';
import { FakeSocket } from './fakeSocket';
import type { Conflict } from './reissue';

let connection: Connection;
let doc: Doc;
let tickets: number;
let conflicts: (Conflict | null)[];
let requestTicket: (signal: AbortSignal) => Promise<{ ticket: string; role: 'editor' }>;

const settle = () => vi.advanceTimersByTimeAsync(0);
const status = () => connection.status.get();
const socket = () => FakeSocket.all.at(-1)!;
const marks = () => socket().said.filter((word) => word.startsWith('mark'));
const type = (text: string) => doc.getText('content').insert(0, text);

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  FakeSocket.all = [];
  tickets = 0;
  conflicts = [];
  requestTicket = () => Promise.resolve({ ticket: `ticket-${++tickets}`, role: 'editor' });
  doc = new Doc();
  connection = new Connection({ id: 'd', doc, awareness: new Awareness(doc), socketUrl: 'ws://host/socket', requestTicket: (signal) => requestTicket(signal), onConflict: (conflict) => conflicts.push(conflict) });
  await settle();
});

afterEach(() => {
  connection.destroy();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('connecting', () => {
  it('uses a fresh ticket for every attempt, with backoff', async () => {
    expect(socket().url).toBe('ws://host/socket/d?token=ticket-1');
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(499);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(socket().url).toBe('ws://host/socket/d?token=ticket-2');
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(999);
    expect(FakeSocket.all).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.all).toHaveLength(3);
  });

  it('is live once the text has arrived', async () => {
    expect(status()).toMatchObject({ phase: 'loading', loaded: false });
    const there = new Doc();
    there.getText('content').insert(0, 'hello');
    await socket().welcome({ doc: there, role: 'viewer' });
    expect(status()).toMatchObject({ phase: 'live', loaded: true, role: 'viewer' });
    expect(doc.getText('content').toString()).toBe('hello');
  });

  it('hides a short loss, and shows offline after three seconds', async () => {
    await socket().welcome();
    requestTicket = () => Promise.reject(new ApiError(0, 'unreachable', ''));
    socket().end(1006);
    expect(status().phase).toBe('connecting');
    await vi.advanceTimersByTimeAsync(2999);
    expect(status().phase).toBe('connecting');
    await vi.advanceTimersByTimeAsync(1);
    expect(status().phase).toBe('offline');
  });

  it('tries at once when the network is back', async () => {
    await socket().welcome();
    requestTicket = () => Promise.reject(new ApiError(0, 'unreachable', ''));
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    requestTicket = () => Promise.resolve({ ticket: 'back', role: 'editor' });
    window.dispatchEvent(new Event('online'));
    await settle();
    expect(socket().url).toContain('back');
    await socket().welcome();
    expect(status().phase).toBe('live');
  });

  it('does not wait for a ticket or a socket that never arrives', async () => {
    await socket().welcome();
    let signal: AbortSignal | undefined;
    requestTicket = (ends) => new Promise(() => (signal = ends));
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(1000);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(signal?.aborted).toBe(true);
    requestTicket = () => Promise.resolve({ ticket: 'silent', role: 'editor' });
    await vi.advanceTimersByTimeAsync(5000);
    const silent = socket();
    expect(silent.url).toContain('silent');
    requestTicket = () => Promise.resolve({ ticket: 'answered', role: 'editor' });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(silent.readyState).toBe(3);
    expect(FakeSocket.all.filter(({ url }) => url.includes('answered')).length).toBeGreaterThan(0);
  });

  it('starts again on request while an attempt hangs', async () => {
    await socket().welcome();
    requestTicket = () => new Promise(() => undefined);
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(5000);
    requestTicket = () => Promise.resolve({ ticket: 'anew', role: 'editor' });
    connection.retryNow();
    await settle();
    expect(socket().url).toContain('anew');
  });

  it.each(['resume', 'visibilitychange'])('tries at once at the page’s %s', async (event) => {
    await socket().welcome();
    requestTicket = () => Promise.reject(new ApiError(0, 'unreachable', ''));
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    requestTicket = () => Promise.resolve({ ticket: 'woken', role: 'editor' });
    document.dispatchEvent(new Event(event));
    await settle();
    expect(socket().url).toContain('woken');
  });

  it('tries at once for the first key, and not for each', async () => {
    await socket().welcome();
    requestTicket = () => Promise.reject(new ApiError(0, 'unreachable', ''));
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    let asked = 0;
    requestTicket = () => {
      asked += 1;
      return Promise.reject(new ApiError(0, 'unreachable', ''));
    };
    for (const letter of 'abc') type(letter);
    await settle();
    expect(asked).toBe(1);
    requestTicket = () => Promise.resolve({ ticket: 'typed', role: 'editor' });
    await vi.advanceTimersByTimeAsync(3000);
    type('d');
    await settle();
    expect(socket().url).toContain('typed');
  });

  it('gives up a connection that does not answer a probe', async () => {
    await socket().welcome();
    const silent = socket();
    await vi.advanceTimersByTimeAsync(1000);
    window.dispatchEvent(new Event('online'));
    expect(silent.said.at(-1)).toBe('step1');
    await vi.advanceTimersByTimeAsync(5000);
    expect(silent.readyState).toBe(3);
    expect(status().phase).toBe('connecting');
  });
});

describe('saved', () => {
  it('means that a mark sent after the edit has come back', async () => {
    await socket().welcome();
    type('a');
    expect(socket().said.slice(-2)).toEqual(['update', 'mark 1']);
    expect(status().unsaved).toBe(1);
    await socket().echo(1);
    expect(status().unsaved).toBe(0);
  });

  it('gathers edits under one mark while another travels', async () => {
    await socket().welcome();
    for (const letter of 'abc') type(letter);
    expect(marks()).toEqual(['mark 1']);
    await socket().echo(1);
    expect(status().unsaved).toBe(2);
    expect(marks()).toEqual(['mark 1', 'mark 2']);
    await socket().echo(2);
    expect(status().unsaved).toBe(0);
  });

  it('is not shown for edits made before the server has requested what it lacks', async () => {
    await socket().welcome();
    socket().end(1006);
    type('offline');
    await vi.advanceTimersByTimeAsync(2000);
    socket().open();
    type('online again');
    expect(marks()).toEqual([]);
    await socket().welcome();
    expect(socket().said.slice(-2)).toEqual(['step2', 'mark 1']);
    await socket().echo(1);
    expect(status().unsaved).toBe(0);
  });

  it('is not said for a mark of an older connection', async () => {
    await socket().welcome();
    type('a');
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(2000);
    await socket().welcome();
    await socket().echo(1);
    expect(status().unsaved).toBe(1);
    await socket().echo(2);
    expect(status().unsaved).toBe(0);
  });

  it('waits for a new mark when the server reports a gap', async () => {
    await socket().welcome();
    type('a');
    await socket().receive((encoder) => {
      encoding.writeVarUint(encoder, 0);
      sync.writeSyncStep1(encoder, new Doc());
    });
    await socket().echo(1);
    expect(status().unsaved).toBe(1);
    expect(socket().said.slice(-2)).toEqual(['step2', 'mark 2']);
    await socket().echo(2);
    expect(status().unsaved).toBe(0);
  });

  it('is never said by a server without marks', async () => {
    socket().protocol = '';
    await socket().welcome();
    type('a');
    expect(marks()).toEqual([]);
    expect(status().unsaved).toBe(1);
  });
});

describe('refusals', () => {
  it.each([
    [4403, 'denied'],
    [4404, 'gone'],
    [4400, 'refused'],
    [4413, 'refused'],
    [4422, 'refused'],
  ] as const)('%d is final: %s', async (code, phase) => {
    await socket().welcome();
    socket().end(code);
    expect(status().phase).toBe(phase);
    await vi.advanceTimersByTimeAsync(120_000);
    window.dispatchEvent(new Event('online'));
    await settle();
    expect(FakeSocket.all).toHaveLength(1);
  });

  it('a damaged document is named as such', async () => {
    await socket().welcome();
    socket().end(4422);
    expect(status().reason).toContain('stored data is damaged');
  });

  it('4503 means come back later', async () => {
    await socket().welcome();
    socket().end(4503);
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('4401 is answered with one new ticket, then by asking for the password', async () => {
    await socket().welcome();
    socket().end(4401);
    await settle();
    expect(socket().url).toContain('ticket-2');
    socket().end(4401);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(status().phase).toBe('signed-out');
    expect(FakeSocket.all).toHaveLength(2);
    connection.retryNow();
    await settle();
    await socket().welcome();
    expect(status().phase).toBe('live');
  });

  it.each([
    [401, 'signed-out'],
    [403, 'denied'],
    [404, 'gone'],
  ] as const)('a ticket refused with %d means %s', async (code, phase) => {
    requestTicket = () => Promise.reject(new ApiError(code, 'no', ''));
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(1000);
    expect(status().phase).toBe(phase);
  });

  it('waits as long as the server asks', async () => {
    requestTicket = () => Promise.reject(new ApiError(429, 'slow_down', '', {}, 20));
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(1000);
    requestTicket = () => Promise.resolve({ ticket: 'late', role: 'editor' });
    await vi.advanceTimersByTimeAsync(19_000);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(socket().url).toContain('late');
  });

  it('keeps what the server rejected, and shows the reason', async () => {
    await socket().welcome();
    type('a');
    await socket().special(3, (encoder) => encoding.writeVarString(encoder, JSON.stringify({ code: 'read_only', message: 'viewers cannot edit' })));
    expect(status()).toMatchObject({ phase: 'refused', reason: expect.stringContaining('only read') as string, unsaved: 1 });
    expect(doc.getText('content').toString()).toBe('a');
  });

  it.each([
    ['in words', async () => socket().special(3, (encoder) => encoding.writeVarString(encoder, JSON.stringify({ code: 'client_conflict', message: '', client: 5, clock: 2 }))), { client: 5, clock: 2 }],
    ['by the close code', () => Promise.resolve(socket().end(4409)), null],
  ] as const)('hands a conflict over once, told %s, and never says saved', async (_how, tell, expected) => {
    await socket().welcome();
    type('a');
    await tell();
    await tell();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(conflicts).toEqual([expected]);
    expect(FakeSocket.all).toHaveLength(1);
    expect(status()).toMatchObject({ unsaved: 1 });
  });

  it('follows a change of role in place', async () => {
    await socket().welcome();
    await socket().special(2, (encoder) => encoding.writeVarString(encoder, 'viewer'));
    expect(status()).toMatchObject({ phase: 'live', role: 'viewer' });
  });

  it('never merges into another lineage', async () => {
    await socket().welcome({ epoch: '1' });
    type('mine');
    socket().end(1006);
    await vi.advanceTimersByTimeAsync(500);
    const other = new Doc();
    other.getText('content').insert(0, 'restored');
    await socket().welcome({ epoch: '2', doc: other });
    expect(status().phase).toBe('refused');
    expect(socket().said).not.toContain('step2');
    expect(doc.getText('content').toString()).toBe('mine');
  });
});

it('shows a fresh ticket before the old one ends', async () => {
  await socket().welcome();
  const expires = new Date(Date.now() + 100_000).toISOString();
  await socket().special(5, (encoder) => encoding.writeVarString(encoder, expires));
  await vi.advanceTimersByTimeAsync(80_000);
  expect(socket().said.at(-1)).toBe('special 4');
});
