import { useEffect, useMemo, useState } from 'react';
import { useStore } from '@/lib/store';
import type { OpenDocument } from './openDocument';
import { saveStore } from './saveStore';
import type { SaveWords } from './saveWords';

const ANNOUNCE_MS = 1000;

/** The words to show for the document's state. */
export function useSaveWords({ status }: OpenDocument): SaveWords | null {
  return useStore(useMemo(() => saveStore(status), [status]));
}

/** The same words for a live region: only what has been shown for a second is announced. */
export function useAnnounced(words: SaveWords | null): string {
  const text = words?.text ?? '';
  const [said, setSaid] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setSaid(text), ANNOUNCE_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  return said;
}
