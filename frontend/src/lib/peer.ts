import type { Awareness } from 'y-protocols/awareness';
import { PALETTE, paletteIndex } from './palette';

/** A person as awareness shows them. The server stamps `user`; the rest is from the other page. */
export interface Peer {
  clientId: number;
  userId: string;
  name: string;
  /** The index in the palette. */
  color: number;
  idle: boolean;
}

/** The colour of a page in one document, and since when. */
export interface Worn {
  color: number;
  since: number;
}

const NAME_MAX = 60;

/** The person of one awareness state; null for a state without one. */
export function readPeer(clientId: number, state: Record<string, unknown>): Peer | null {
  const { user, idle } = state;
  if (typeof user !== 'object' || user === null || !('name' in user) || typeof user.name !== 'string') return null;
  const userId = 'id' in user && typeof user.id === 'string' ? user.id : `client-${clientId}`;
  const color = 'color' in user && typeof user.color === 'string' ? user.color : '';
  const name = user.name.trim().slice(0, NAME_MAX) || 'Someone';
  return { clientId, userId, name, color: readWorn(state)?.color ?? paletteIndex(color, userId), idle: idle === true };
}

/** The colour of one awareness state; null for a page that chooses none, such as stock ones. */
export function readWorn({ worn }: Record<string, unknown>): Worn | null {
  if (typeof worn !== 'object' || worn === null || !('color' in worn) || !('since' in worn)) return null;
  const { color, since } = worn;
  if (typeof color !== 'number' || !(color in PALETTE) || typeof since !== 'number' || !Number.isFinite(since)) return null;
  return { color, since };
}

/** All but this page, with their whole state. */
export function others(awareness: Awareness): { peer: Peer; state: Record<string, unknown> }[] {
  return [...awareness.getStates()].flatMap(([clientId, state]) => {
    const peer = clientId === awareness.clientID ? null : readPeer(clientId, state);
    return peer ? [{ peer, state }] : [];
  });
}
