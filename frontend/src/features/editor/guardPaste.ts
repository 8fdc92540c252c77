/** Takes nothing larger at once: the server would refuse the edit, and all that stands beside it. */
export const PASTE_CHARS_MAX = 2_000_000;

/** Keeps a paste beyond the limit out of the editor in `element`; returns its own undoing. */
export function guardPaste(element: HTMLElement, onRefused: () => void): () => void {
  const onPaste = (event: ClipboardEvent) => {
    if ((event.clipboardData?.getData('text/plain').length ?? 0) <= PASTE_CHARS_MAX) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    onRefused();
  };
  // Before Monaco, which listens further down.
  element.addEventListener('paste', onPaste, { capture: true });
  return () => element.removeEventListener('paste', onPaste, { capture: true });
}
