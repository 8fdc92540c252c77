import { useEffect, useMemo } from 'react';
import type { Awareness } from 'y-protocols/awareness';
import { useStore, type Store } from '@/lib/store';
import { others, type Peer } from '@/lib/peer';
import { wearFreeColor } from './wearFreeColor';

const IDLE_MS = 60_000;

/** The other people in the document, one entry each for any number of tabs, by name. Another tab of this person does not count. */
export function usePeople(awareness: Awareness): readonly Peer[] {
  return useStore(useMemo(() => peopleStore(awareness), [awareness]));
}

function peopleStore(awareness: Awareness): Store<readonly Peer[]> {
  let snapshot: readonly Peer[] = [];
  let key = '';
  return {
    get: () => {
      const me = ownId(awareness);
      const next = merge(others(awareness).map(({ peer }) => peer)).filter(({ userId }) => userId !== me);
      const nextKey = JSON.stringify(next);
      if (nextKey !== key) {
        key = nextKey;
        snapshot = next;
      }
      return snapshot;
    },
    subscribe: (listener) => {
      awareness.on('change', listener);
      return () => awareness.off('change', listener);
    },
  };
}

function ownId(awareness: Awareness): string | undefined {
  return (awareness.getLocalState()?.user as { id?: string } | undefined)?.id;
}

function merge(peers: readonly Peer[]): Peer[] {
  const people = new Map<string, Peer>();
  for (const peer of peers) {
    const known = people.get(peer.userId);
    // Idle only if every tab is.
    people.set(peer.userId, known ? { ...known, idle: known.idle && peer.idle } : peer);
  }
  return [...people.values()].sort((a, b) => a.name.localeCompare(b.name));
}

interface Me {
  id: string;
  name: string;
  color: string;
}

/** Publishes this person's presence, and whether they are active. */
export function useShowMe(awareness: Awareness | null, { id, name, color }: Me) {
  useEffect(() => {
    awareness?.setLocalStateField('user', { id, name, color });
    return awareness ? wearFreeColor(awareness, id, color) : undefined;
  }, [awareness, id, name, color]);
  useEffect(() => {
    if (awareness === null) return;
    let timer = 0;
    const setIdle = (idle: boolean) => {
      if ((awareness.getLocalState()?.idle === true) !== idle) awareness.setLocalStateField('idle', idle);
    };
    const active = () => {
      setIdle(false);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setIdle(true), IDLE_MS);
    };
    const events = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'focus'] as const;
    for (const event of events) window.addEventListener(event, active, { passive: true });
    active();
    return () => {
      window.clearTimeout(timer);
      for (const event of events) window.removeEventListener(event, active);
    };
  }, [awareness]);
}
