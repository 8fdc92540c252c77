import { useEffect, useRef, useState } from 'react';
import { useStore } from '@/lib/store';
import type { OpenDocument } from './openDocument';
import { saveWords, type SaveWords } from './saveWords';

/** "Saved" returns only after this much quiet: while someone types, marks come back several times a second. */
const SETTLE_MS = 600;
const SYNCED_NOTE_MS = 3000;
const TICK_MS = 1000;
const ANNOUNCE_MS = 1000;

/** What to show about the document's state: bad news and "Saving…" at once, "Saved" once it has settled. */
export function useSaveWords({ status }: OpenDocument): SaveWords | null {
  const now = useStore(status);
  const unsavedFor = useUnsavedFor(now.unsaved > 0);
  const synced = useSyncedNote(now.phase === 'live', now.unsaved);
  const target = saveWords(now, unsavedFor);
  const settled = useDelayed(now.unsaved === 0, SETTLE_MS);
  if (target?.tone === 'ok' && synced !== null) return { ...target, text: synced };
  if (target?.tone === 'ok' && !settled && now.phase === 'live') return { text: 'Saving…', tone: 'busy', urgent: false };
  return target;
}

/** The same words for a live region: only what has stood for a second is worth saying. */
export function useAnnounced(words: SaveWords | null): string {
  const text = words?.text ?? '';
  const [said, setSaid] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setSaid(text), ANNOUNCE_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  return said;
}

function useUnsavedFor(unsaved: boolean): number {
  const [ms, setMs] = useState(0);
  useEffect(() => {
    if (!unsaved) return;
    const since = Date.now();
    const timer = window.setInterval(() => setMs(Date.now() - since), TICK_MS);
    return () => {
      window.clearInterval(timer);
      setMs(0);
    };
  }, [unsaved]);
  return unsaved ? ms : 0;
}

/** True `ms` after `value` became true and stayed so; false at once. True from the start. */
function useDelayed(value: boolean, ms: number): boolean {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setLate(value), value ? ms : 0);
    return () => window.clearTimeout(timer);
  }, [value, ms]);
  return value && late;
}

/** "Synced 12 changes", for a moment after a connection came back and took along what had waited. */
function useSyncedNote(live: boolean, unsaved: number): string | null {
  const [note, setNote] = useState<string | null>(null);
  const waited = useRef(0);
  useEffect(() => {
    if (!live) waited.current = unsaved;
  }, [live, unsaved]);
  const done = live && unsaved === 0;
  useEffect(() => {
    const count = waited.current;
    if (!done || count === 0) return;
    waited.current = 0;
    setNote(`Synced ${count} ${count === 1 ? 'change' : 'changes'}`);
    const timer = window.setTimeout(() => setNote(null), SYNCED_NOTE_MS);
    return () => {
      window.clearTimeout(timer);
      setNote(null);
    };
  }, [done]);
  return note;
}
