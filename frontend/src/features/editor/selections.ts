import { type editor, Selection } from 'monaco-editor/editor';
import {
  createAbsolutePositionFromRelativePosition,
  createRelativePositionFromJSON,
  createRelativePositionFromTypeIndex,
  type RelativePosition,
  type Text,
} from 'yjs';

/** A selection that keeps its place in the text while the text around it changes. The field names are y-monaco's. */
export interface SharedSelection {
  anchor: RelativePosition;
  head: RelativePosition;
}

/** A selection by offsets into the text. */
export interface Span {
  anchor: number;
  head: number;
}

/** Anchors a selection in the text. An empty one stays with the text on its left; the ends of others stay inside, so that neither grows. */
export function share({ anchor, head }: Span, text: Text): SharedSelection {
  const first = createRelativePositionFromTypeIndex(text, Math.min(anchor, head), anchor === head ? -1 : 0);
  const last = createRelativePositionFromTypeIndex(text, Math.max(anchor, head), -1);
  return anchor <= head ? { anchor: first, head: last } : { anchor: last, head: first };
}

/** The current place of such a selection; null for one of another text, an unknown or a malformed one: it comes from any client. */
export function locate(shared: unknown, model: editor.ITextModel, text: Text): Selection | null {
  if (typeof shared !== 'object' || shared === null || !('anchor' in shared) || !('head' in shared)) return null;
  const anchor = offsetOf(shared.anchor, text);
  const head = offsetOf(shared.head, text);
  if (anchor === null || head === null) return null;
  const from = model.getPositionAt(anchor);
  const to = model.getPositionAt(head);
  return new Selection(from.lineNumber, from.column, to.lineNumber, to.column);
}

function offsetOf(position: unknown, text: Text): number | null {
  const { doc } = text;
  if (doc === null || typeof position !== 'object' || position === null) return null;
  try {
    const found = createAbsolutePositionFromRelativePosition(createRelativePositionFromJSON(position), doc);
    return found !== null && found.type === text && Number.isInteger(found.index) ? found.index : null;
  } catch {
    return null;
  }
}
