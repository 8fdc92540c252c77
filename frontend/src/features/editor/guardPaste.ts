/** The largest paste: the server would refuse a larger edit, and every edit beside it. */
export const PASTE_CHARS_MAX = 2_000_000;

/** Keeps a paste beyond the limit out of the editor in `element`; returns the function that stops it. */
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
