import type { Awareness } from 'y-protocols/awareness';
import { PALETTE, paletteIndex } from '@/lib/palette';
import { others, readWorn, type Worn } from '@/lib/peer';

/** Those that are most similar to the page's own accent and greys come last. */
const LAST = ['Teal', 'Slate'];
const ORDER = [...PALETTE.keys()].sort((a, b) => rank(a) - rank(b));

function rank(index: number): number {
  return LAST.includes(PALETTE[index]?.name ?? '') ? 1 : 0;
}

/**
 * Publishes this person in a colour that nobody else in the document uses: that of the account if it is free. The first one keeps a colour;
 * the tabs of one person share one. Returns the function that stops it.
 */
export function wearFreeColor(awareness: Awareness, userId: string, accountColor: string): () => void {
  const choose = () => {
    const state = awareness.getLocalState();
    if (state === null) return;
    const worn = readWorn(state);
    const people = others(awareness).map(({ peer, state: theirs }) => ({ peer, worn: readWorn(theirs) }));
    const tab = people.find(({ peer, worn: theirs }) => peer.userId === userId && theirs !== null && isFirst(theirs, peer.clientId, worn, awareness.clientID));
    if (tab?.worn) {
      if (tab.worn.color !== worn?.color) awareness.setLocalStateField('worn', tab.worn);
      return;
    }
    const strangers = people.filter(({ peer }) => peer.userId !== userId);
    const isTaken = worn === null || strangers.some(({ peer, worn: theirs }) => peer.color === worn.color && isFirst(theirs, peer.clientId, worn, awareness.clientID));
    if (!isTaken) return;
    const taken = new Set(strangers.map(({ peer }) => peer.color));
    const own = paletteIndex(accountColor, userId);
    const color = taken.has(own) ? (ORDER.find((index) => !taken.has(index)) ?? own) : own;
    if (color !== worn?.color) awareness.setLocalStateField('worn', { color, since: Date.now() });
  };
  awareness.on('change', choose);
  choose();
  return () => awareness.off('change', choose);
}

/** Whether theirs was used before ours. A page without one is a stock page, or is about to choose. */
function isFirst(theirs: Worn | null, theirClient: number, ours: Worn | null, ourClient: number): boolean {
  if (ours === null) return true;
  if (theirs === null) return false;
  return theirs.since < ours.since || (theirs.since === ours.since && theirClient < ourClient);
}
