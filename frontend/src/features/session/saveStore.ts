import type { Store } from '@/lib/store';
import { type SaveWords, saveWords, STILL_SAVING_MS, words } from './saveWords';
import type { Status } from './status';

/** "Saved" is shown only after this much quiet: during typing, marks return several times a second. */
const SETTLE_MS = 600;
const SYNCED_NOTE_MS = 3000;

/** The shown state of a document: problems and "Saving…" at once, "Saved" after a delay. */
export function saveStore(status: Store<Status>): Store<SaveWords | null> {
  const listeners = new Set<() => void>();
  let shown = saveWords(status.get(), 0);
  let unsavedSince: number | null = null;
  let quietAt = 0;
  // Edits that wait for a connection, and how many of them the last one sent.
  let waiting = 0;
  let synced = { count: 0, until: 0 };
  let timer = 0;
  let stop: (() => void) | null = null;

  function note(now: number) {
    const { unsaved, phase } = status.get();
    if (phase !== 'live') waiting = unsaved;
    if (unsaved > 0) unsavedSince ??= now;
    if (unsaved > 0 || unsavedSince === null) return;
    unsavedSince = null;
    quietAt = now + SETTLE_MS;
    if (phase !== 'live' || waiting === 0) return;
    synced = { count: waiting, until: now + SYNCED_NOTE_MS };
    waiting = 0;
  }

  function wordsAt(now: number): SaveWords | null {
    const target = saveWords(status.get(), unsavedSince === null ? 0 : now - unsavedSince);
    if (target?.tone !== 'ok' || status.get().phase !== 'live') return target;
    if (synced.until > now) return words(`Synced ${synced.count} ${synced.count === 1 ? 'change' : 'changes'}`, 'ok');
    return quietAt > now ? words('Saving…', 'busy') : target;
  }

  function update() {
    const now = Date.now();
    note(now);
    const next = wordsAt(now);
    const changes = [quietAt, synced.until, (unsavedSince ?? 0) + STILL_SAVING_MS].filter((at) => at > now);
    window.clearTimeout(timer);
    if (changes.length > 0) timer = window.setTimeout(update, Math.min(...changes) - now);
    if (next?.text === shown?.text) return;
    shown = next;
    for (const listener of [...listeners]) listener();
  }

  return {
    get: () => shown,
    subscribe: (listener) => {
      listeners.add(listener);
      stop ??= status.subscribe(update);
      update();
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        stop?.();
        stop = null;
        window.clearTimeout(timer);
      };
    },
  };
}
