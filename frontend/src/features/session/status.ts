import type { Role } from '@/lib/api/types';

/** The state of a document relative to the server. */
export type Phase =
  /** Nothing has been received yet. */
  | 'loading'
  /** Up to date with the server. */
  | 'live'
  /** The connection was lost a moment ago, or is being opened. */
  | 'connecting'
  /** No connection for a while; attempts continue. */
  | 'offline'
  /** The login ended; signing in again continues from here. */
  | 'signed-out'
  /** No access, or no longer. */
  | 'denied'
  /** No such document, or no longer. */
  | 'gone'
  /** The server refused edits made here; only this page has them. */
  | 'refused';

export interface Status {
  readonly phase: Phase;
  /** Whether the document's text has arrived; from then on the page holds a copy, in every phase. */
  readonly loaded: boolean;
  readonly role: Role | null;
  /** Local edits that are not yet durable on the server. */
  readonly unsaved: number;
  /** Whether unsaved edits would survive the page. */
  readonly localSafe: boolean;
  /** When the phase began, in milliseconds since the epoch. */
  readonly since: number;
  /** For `refused`: why. */
  readonly reason: string | null;
}

export const INITIAL: Status = {
  phase: 'loading',
  loaded: false,
  role: null,
  unsaved: 0,
  localSafe: false,
  since: 0,
  reason: null,
};

/** Phases that no retry leaves. */
export function isFinal(phase: Phase): boolean {
  return phase === 'denied' || phase === 'gone' || phase === 'refused';
}

export function canWrite(status: Status): boolean {
  return (status.role === 'editor' || status.role === 'owner') && status.loaded && !isFinal(status.phase);
}
