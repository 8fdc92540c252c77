import { afterEach, expect, it } from 'vitest';
import { currentSession, holdSession, signedIn, signedOut } from './session';
import type { User } from './types';

const KEY = 'codesync.session';
const person = (id: string): User => ({ id, email: `${id}@example.org`, name: id, color: '#0b6b60', is_admin: false, created_at: '2026-01-01T00:00:00Z' });
const answer = (user: User, token: string) => ({ token, expires_at: new Date(Date.now() + 3600_000).toISOString(), user });
const [ada, bob] = [person('ada'), person('bob')];

/** As if another tab had written it. */
function elsewhere(session: ReturnType<typeof answer> | null) {
  if (session === null) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, JSON.stringify(session));
  window.dispatchEvent(new StorageEvent('storage', { key: KEY }));
}

afterEach(() => {
  holdSession(() => false);
  signedOut();
});

it('follows another tab out and in', () => {
  signedIn(answer(ada, 'one'));
  elsewhere(null);
  expect(currentSession.get()).toEqual({ state: 'signed-out' });
  elsewhere(answer(bob, 'two'));
  expect(currentSession.get()).toMatchObject({ state: 'signed-in', token: 'two', user: bob });
});

it('keeps a page with unsaved text for its author', () => {
  signedIn(answer(ada, 'one'));
  holdSession(() => true);
  elsewhere(null);
  expect(currentSession.get()).toEqual({ state: 'expired', user: ada });
  elsewhere(answer(bob, 'two'));
  expect(currentSession.get()).toEqual({ state: 'expired', user: ada });
  elsewhere(answer(ada, 'three'));
  expect(currentSession.get()).toMatchObject({ state: 'signed-in', token: 'three', user: ada });
});
