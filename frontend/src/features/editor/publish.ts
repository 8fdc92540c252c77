import type { Awareness } from 'y-protocols/awareness';
import type { View } from './view';

const DELAY_MS = 40;
/** More carets than this have no meaning for others. */
const SELECTIONS_MAX = 32;

/** Publishes where this person is, only when the person moves; returns the function that stops it. */
export function publishSelections(view: View, awareness: Awareness): () => void {
  let timer = 0;
  let last = '';
  const publish = () => {
    const selections = view.selections().slice(0, SELECTIONS_MAX);
    const text = JSON.stringify(selections);
    if (text === last || awareness.getLocalState() === null) return;
    last = text;
    // One state change, so one message. y-monaco reads `selection`.
    awareness.setLocalState({ ...awareness.getLocalState(), selection: selections[0] ?? null, selections });
  };
  const stop = view.onLocalMove(() => {
    window.clearTimeout(timer);
    timer = window.setTimeout(publish, DELAY_MS);
  });
  return () => {
    stop();
    window.clearTimeout(timer);
  };
}
