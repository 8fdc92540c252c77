import type { editor } from 'monaco-editor/editor';
import { Range } from 'monaco-editor/editor';

/** One step through a text, as Yjs reports changes; counts are in UTF-16 units. */
export type Step = { retain: number } | { delete: number } | { insert: string };

/** The same change as edits against the old text, for one `applyEdits`. */
export function toEdits(model: editor.ITextModel, delta: readonly Step[]): editor.IIdentifiedSingleEditOperation[] {
  const edits: { at: number; length: number; text: string }[] = [];
  let at = 0;
  for (const step of delta) {
    if ('retain' in step) {
      at += step.retain;
      continue;
    }
    const last = edits.at(-1);
    const edit = last !== undefined && last.at + last.length === at ? last : { at, length: 0, text: '' };
    if (edit !== last) edits.push(edit);
    if ('insert' in step) {
      edit.text += step.insert;
    } else {
      edit.length += step.delete;
      at += step.delete;
    }
  }
  return edits.map(({ at, length, text }) => ({
    range: Range.fromPositions(model.getPositionAt(at), model.getPositionAt(at + length)),
    text,
  }));
}

/** The changes of one model event as one delta. It always begins with a retain. */
export function toDelta(changes: readonly editor.IModelContentChange[]): Step[] {
  // Monaco lists the last place first, and at one place the later text first.
  const ascending = changes.toSorted((a, b) => b.rangeOffset - a.rangeOffset).reverse();
  const delta: Step[] = [];
  let old = 0;
  for (const { rangeOffset, rangeLength, text } of ascending) {
    if (rangeOffset > old || delta.length === 0) delta.push({ retain: rangeOffset - old });
    if (rangeLength > 0) delta.push({ delete: rangeLength });
    if (text !== '') delta.push({ insert: text });
    old = rangeOffset + rangeLength;
  }
  return delta;
}

/** The position of `offset` after the change. `side` says where it moves if text is inserted exactly there. */
export function moved(offset: number, delta: readonly Step[], side: 'left' | 'right'): number {
  let old = 0;
  let now = offset;
  for (const step of delta) {
    if (old > offset || (old === offset && side === 'left')) break;
    if ('retain' in step) {
      old += step.retain;
    } else if ('insert' in step) {
      now += step.insert.length;
    } else {
      now -= Math.min(step.delete, offset - old);
      old += step.delete;
    }
  }
  return now;
}

/** Whether the change inserts text exactly at `offset`. */
export function insertsAt(offset: number, delta: readonly Step[]): boolean {
  return moved(offset, delta, 'left') !== moved(offset, delta, 'right');
}

/** The change from one text to the other as one replacement between common ends. */
export function difference(from: string, to: string): Step[] {
  const shorter = Math.min(from.length, to.length);
  let start = 0;
  while (start < shorter && from[start] === to[start]) start += 1;
  while (isHighSurrogate(from, start - 1) || isHighSurrogate(to, start - 1)) start -= 1;
  let end = 0;
  while (end < shorter - start && from[from.length - 1 - end] === to[to.length - 1 - end]) end += 1;
  while (end > 0 && isHighSurrogate(from, from.length - end - 1)) end -= 1;
  const removed = from.length - start - end;
  const inserted = to.slice(start, to.length - end);
  const steps: Step[] = [];
  if (removed > 0 || inserted !== '') steps.push({ retain: start });
  if (removed > 0) steps.push({ delete: removed });
  if (inserted !== '') steps.push({ insert: inserted });
  return steps;
}

// Monaco moves the end of a range after one, even if no low surrogate follows.
function isHighSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xd800 && unit <= 0xdbff;
}
