import { useCallback, useEffect } from 'react';
import { toast } from '@/components/toasts';
import type { OpenDocument } from '@/features/session/openDocument';
import { others } from '@/lib/peer';

const FIELD = 'restored';
const CALLED_MAX = 240;
/** Older restores were announced before this page was opened. */
const TOLD_MS = 30_000;

/** Notifies others of restores by this person, and this person of theirs. */
export function useRestores({ awareness }: OpenDocument): (called: string) => void {
  useEffect(() => {
    const seen = new Map<number, number>(others(awareness).map(({ peer, state }) => [peer.clientId, read(state)?.at ?? 0]));
    const look = () => {
      for (const { peer, state } of others(awareness)) {
        const restored = read(state);
        if (restored === null || restored.at <= (seen.get(peer.clientId) ?? 0)) continue;
        seen.set(peer.clientId, restored.at);
        if (Math.abs(Date.now() - restored.at) < TOLD_MS) toast(`${peer.name} restored ${restored.called}.`);
      }
    };
    awareness.on('change', look);
    return () => awareness.off('change', look);
  }, [awareness]);
  return useCallback((called) => awareness.setLocalStateField(FIELD, { at: Date.now(), called }), [awareness]);
}

function read(state: Record<string, unknown>): { at: number; called: string } | null {
  const restored = state[FIELD];
  if (typeof restored !== 'object' || restored === null || !('at' in restored) || !('called' in restored)) return null;
  const { at, called } = restored;
  return typeof at === 'number' && typeof called === 'string' ? { at, called: called.slice(0, CALLED_MAX) } : null;
}
