import type { editor } from 'monaco-editor/editor';

/** An edit in terms of undo. */
interface Edit {
  kind: 'typing' | 'deleting' | 'other';
  carets: number;
  /** The position where the next letter would continue, and the other side of an automatically closed pair. */
  ends: readonly number[];
  isBlank: boolean;
}

/** The letters of one key: with the closing half of a pair, or of an emoji. */
const KEY_MAX = 4;

/**
 * The borders of undo steps: before each word, at a jump of the caret, between typing and deleting, and around text that is inserted at
 * once. A composition of an input method is one step.
 */
export class UndoSteps {
  private last: Edit | null = null;
  private composing = false;
  private fresh = false;

  /** Whether the change begins a step. */
  begins(changes: readonly editor.IModelContentChange[]): boolean {
    const { last } = this;
    const next = read(changes);
    this.last = next;
    if (this.composing) {
      const isFirst = this.fresh;
      this.fresh = false;
      return isFirst;
    }
    if (last === null || next.kind === 'other' || next.kind !== last.kind || next.carets !== last.carets) return true;
    if (!goesOn(changes[0], last)) return true;
    return next.kind === 'typing' && next.isBlank && !last.isBlank;
  }

  compose(composing: boolean) {
    this.composing = composing;
    this.fresh = composing;
    if (!composing) this.last = null;
  }
}

function read(changes: readonly editor.IModelContentChange[]): Edit {
  const [first] = changes;
  const carets = changes.length;
  const other: Edit = { kind: 'other', carets, ends: [], isBlank: false };
  if (first === undefined) return other;
  const { rangeOffset: at, rangeLength: removed, text } = first;
  const isBlank = /^\s+$/.test(text);
  if (removed === 0 && text !== '' && (text.length <= KEY_MAX || isBlank)) return { kind: 'typing', carets, ends: [at + text.length, at + 1], isBlank };
  if (text === '' && removed > 0 && removed <= KEY_MAX) return { kind: 'deleting', carets, ends: [at], isBlank: false };
  return other;
}

/** With several carets each letter moves the later places: only their number is known. */
function goesOn(change: editor.IModelContentChange | undefined, last: Edit): boolean {
  if (change === undefined || last.carets > 1) return true;
  const { rangeOffset: at, rangeLength: removed } = change;
  return last.ends.includes(at) || (last.kind === 'deleting' && last.ends.includes(at + removed));
}
