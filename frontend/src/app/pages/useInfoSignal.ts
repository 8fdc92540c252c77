import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect } from 'react';
import type { OpenDocument } from '@/features/session/openDocument';

const FIELD = 'info';

/**
 * Name, language and line end are changed by REST; this makes the pages of others fetch them again. Returns the function to call after a
 * change.
 */
export function useInfoSignal({ id, awareness }: OpenDocument): () => void {
  const queries = useQueryClient();
  useEffect(() => {
    let seen = newest();
    const onChange = () => {
      const now = newest();
      if (now <= seen) return;
      seen = now;
      void queries.invalidateQueries({ queryKey: ['document', id], exact: true });
    };
    function newest(): number {
      return Math.max(0, ...[...awareness.getStates()].map(([client, state]) => (client !== awareness.clientID && typeof state[FIELD] === 'number' ? state[FIELD] : 0)));
    }
    awareness.on('change', onChange);
    return () => awareness.off('change', onChange);
  }, [awareness, id, queries]);
  return useCallback(() => awareness.setLocalStateField(FIELD, Date.now()), [awareness]);
}
