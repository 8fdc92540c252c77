import { createStore, type Store } from '../store';
import { storage } from '../storage';
import type { User } from './types';

/** The person who is signed in. `expired`: the server no longer accepts the token, but the person should not lose the page for it. */
export type Session =
  | { state: 'signed-out' }
  | { state: 'signed-in'; token: string; expiresAt: string; user: User }
  | { state: 'expired'; user: User };

export interface SignedIn {
  token: string;
  expires_at: string;
  user: User;
}

const KEY = 'codesync.session';
const session = createStore<Session>(stored());

export const currentSession: Store<Session> = session;

export function token(): string | null {
  const now = session.get();
  return now.state === 'signed-in' ? now.token : null;
}

/** The person of this page, signed in or asked for the password; null for nobody. */
export function personId(): string | null {
  const now = session.get();
  return now.state === 'signed-out' ? null : now.user.id;
}

export function signedIn(answer: SignedIn) {
  storage.write(KEY, answer);
  session.set({ state: 'signed-in', token: answer.token, expiresAt: answer.expires_at, user: answer.user });
}

export function signedOut() {
  storage.write(KEY, null);
  session.set({ state: 'signed-out' });
}

/** The server refused `refused`. A token that arrived in between (another tab renewed) is kept. */
export function expired(refused: string) {
  const now = session.get();
  if (now.state !== 'signed-in' || now.token !== refused) return;
  storage.write(KEY, null);
  session.set({ state: 'expired', user: now.user });
}

/** Replaces the profile from the sign-in by a changed one. */
export function profileChanged(user: User) {
  const now = session.get();
  if (now.state === 'signed-in') signedIn({ token: now.token, expires_at: now.expiresAt, user });
}

let holds = () => false;

/** While `reason` returns true, no other tab ends the session of this page: it would lose what only it has. */
export function holdSession(reason: () => boolean) {
  holds = reason;
}

/** Reads again what another tab may have stored: after a renewal there, our token has ended. */
export function rereadSession() {
  const before = session.get();
  const next = stored();
  if (before.state === 'signed-in' && next.state === 'signed-in' && before.token === next.token) return;
  if (before.state === 'expired' && next.state === 'signed-out') return;
  const samePerson = before.state !== 'signed-out' && next.state === 'signed-in' && before.user.id === next.user.id;
  if (before.state !== 'signed-out' && !samePerson && holds()) session.set({ state: 'expired', user: before.user });
  else session.set(next);
}

storage.watch(KEY, rereadSession);

function stored(): Session {
  const value = storage.read(KEY);
  if (!isSignedIn(value) || Date.parse(value.expires_at) <= Date.now()) return { state: 'signed-out' };
  return { state: 'signed-in', token: value.token, expiresAt: value.expires_at, user: value.user };
}

function isSignedIn(value: unknown): value is SignedIn {
  return typeof value === 'object' && value !== null && 'token' in value && 'expires_at' in value && 'user' in value;
}
