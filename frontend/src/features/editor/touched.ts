import { editor, Range } from 'monaco-editor/editor';
import { ContentString, type Item, type Text } from 'yjs';
import type { Step } from './delta';

/** How far around a change its line is compared: lines may be megabytes long. */
const BESIDE_MAX = 500;

/** Whether model and text, both after the change, differ in length or in the touched lines. */
export function differs(model: editor.ITextModel, text: Text, delta: readonly Step[]): boolean {
  if (model.getValueLength(editor.EndOfLinePreference.LF) !== text.length) return true;
  const slices = new Slices(text);
  return touched(model, delta).some((range) => {
    const [from, to] = [model.getOffsetAt(range.getStartPosition()), model.getOffsetAt(range.getEndPosition())];
    return model.getValueInRange(range, editor.EndOfLinePreference.LF) !== slices.between(from, to);
  });
}

/** The touched parts of the model in ascending order. They do not overlap. */
function touched(model: editor.ITextModel, delta: readonly Step[]): Range[] {
  const spans: { from: number; to: number }[] = [];
  let at = 0;
  for (const step of delta) {
    if ('retain' in step) {
      at += step.retain;
      continue;
    }
    const [start, end] = [at, 'insert' in step ? at + step.insert.length : at];
    const [first, last] = [model.getPositionAt(start), model.getPositionAt(end)];
    const from = start - Math.min(first.column - 1, BESIDE_MAX);
    const to = end + Math.min(model.getLineMaxColumn(last.lineNumber) - last.column, BESIDE_MAX);
    const before = spans.at(-1);
    // Apart by more than the unit on each side that `validateRange` may add.
    if (before !== undefined && from <= before.to + 2) before.to = Math.max(before.to, to);
    else spans.push({ from, to });
    at = end;
  }
  return spans.map(({ from, to }) => model.validateRange(Range.fromPositions(model.getPositionAt(from), model.getPositionAt(to))));
}

/** Reads parts of a shared text in ascending order, in one walk. */
class Slices {
  private item: Item | null;
  private start = 0;

  constructor(text: Text) {
    this.item = text._start;
  }

  between(from: number, to: number): string {
    while (this.item !== null && this.start + visible(this.item).length <= from) {
      this.start += visible(this.item).length;
      this.item = this.item.right;
    }
    let [item, start, result] = [this.item, this.start, ''];
    while (item !== null && start < to) {
      const run = visible(item);
      result += run.slice(Math.max(0, from - start), to - start);
      start += run.length;
      item = item.right;
    }
    return result;
  }
}

const visible = ({ deleted, content }: Item) => (!deleted && content instanceof ContentString ? content.str : '');
