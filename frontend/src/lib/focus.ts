/**
 * For `onCloseAutoFocus` of what opens over the page: the focus returns to its button a moment late, and a focus that has moved on
 * by then stays.
 */
export function returnFocus(event: Event) {
  if (document.activeElement !== document.body) event.preventDefault();
}
