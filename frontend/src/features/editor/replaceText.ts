import type { Text } from 'yjs';
import { difference } from './delta';

/** Changes the shared text into another by the smallest change. */
export function replaceText(text: Text, wanted: string) {
  const delta = difference(text.toString(), wanted);
  if (delta.length > 0) text.applyDelta(delta);
}
