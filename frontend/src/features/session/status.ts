import type { Role } from '@/lib/api/types';

/** Where a document stands with the server. */
export type Phase =
  /** Nothing has been received yet. */
  | 'loading'
  /** In step with the server. */
  | 'live'
  /** The connection was lost a moment ago, or is being made. */
  | 'connecting'
  /** No connection for a while; tries go on. */
  | 'offline'
  /** The session ended; signing in again goes on from here. */
  | 'signed-out'
  /** No access, or not any more. */
  | 'denied'
  /** No such document, or not any more. */
  | 'gone'
  /** The server refused edits made here; the page holds what no one else has. */
  | 'refused';

export interface Status {
  readonly phase: Phase;
  /** Whether the document's text has arrived; from then on the page holds a copy, whatever the phase. */
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
