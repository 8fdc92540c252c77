import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { api, ask } from './client';
import { ApiError, explain } from './errors';
import { currentSession, signedIn, signedOut } from './session';
import type { User } from './types';

const KEY = 'codesync.session';
const user: User = { id: '1', email: 'a@example.org', name: 'Ada', color: '#0b6b60', is_admin: false, created_at: '2026-01-01T00:00:00Z' };
const later = new Date(Date.now() + 3600_000).toISOString();
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
const refused = () => json(401, { error: { code: 'unauthenticated', message: 'Please sign in.' } });

const answer = vi.fn<(request: Request) => Promise<Response>>();
const tokens = () => answer.mock.calls.map(([request]) => request.headers.get('authorization'));
const me = () => ask(api.GET('/api/users/me'));

beforeEach(() => {
  answer.mockReset();
  vi.stubGlobal('fetch', answer);
  signedIn({ token: 'one', expires_at: later, user });
});
afterEach(() => {
  vi.unstubAllGlobals();
  signedOut();
});

describe('the token', () => {
  it('goes along', async () => {
    answer.mockResolvedValue(json(200, user));
    expect(await me()).toEqual(user);
    expect(tokens()).toEqual(['Bearer one']);
  });

  it('that another tab renewed is taken up, and the call made again', async () => {
    answer.mockImplementationOnce(() => {
      localStorage.setItem(KEY, JSON.stringify({ token: 'two', expires_at: later, user }));
      return Promise.resolve(refused());
    });
    answer.mockImplementationOnce(() => Promise.resolve(json(200, user)));
    expect(await me()).toEqual(user);
    expect(tokens()).toEqual(['Bearer one', 'Bearer two']);
    expect(currentSession.get()).toMatchObject({ state: 'signed-in', token: 'two' });
  });

  it('that is refused ends the session, and keeps the person', async () => {
    answer.mockImplementation(() => Promise.resolve(refused()));
    await expect(me()).rejects.toMatchObject({ status: 401 });
    expect(currentSession.get()).toEqual({ state: 'expired', user });
    expect(localStorage.getItem(KEY)).toBeNull();
  });
});

describe('a failure', () => {
  it("is shown in the server's words, with sentences for fields", async () => {
    answer.mockResolvedValue(json(422, { error: { code: 'invalid', message: 'Some fields need a correction.', fields: { name: 'is too long' } } }));
    await expect(me()).rejects.toMatchObject({ status: 422, code: 'invalid', fields: { name: 'This is too long.' } });
  });

  it('of the way there has words too', async () => {
    answer.mockRejectedValue(new TypeError('Failed to fetch'));
    const error = await me().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(explain(error)).toContain('cannot be reached');
  });

  it('for too many calls shows how long to wait', async () => {
    answer.mockResolvedValue(json(429, { error: { code: 'too_many_requests', message: 'That was too often.' } }, { 'retry-after': '7' }));
    const error = await me().catch((caught: unknown) => caught);
    expect(explain(error)).toBe('That was too often. Try again in 7 s.');
  });

  it('that is no answer of ours is one all the same', async () => {
    answer.mockResolvedValue(new Response('<html>Bad gateway</html>', { status: 502, headers: { 'content-type': 'text/html' } }));
    await expect(me()).rejects.toMatchObject({ status: 502, code: 'unexpected' });
  });
});
