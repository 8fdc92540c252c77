import type { editor } from 'monaco-editor/editor';

/** An edit as undoing sees it. */
interface Edit {
  kind: 'typing' | 'deleting' | 'other';
  carets: number;
  /** Where the next letter would go on, and the other side of a pair that was closed by itself. */
  ends: readonly number[];
  isBlank: boolean;
}

/** Letters that one key makes: with the closing half of a pair, or of an emoji. */
const KEY_MAX = 4;

/**
 * Where one step of undo ends and the next begins: before each word, at a jump of the caret, between typing and deleting, and
 * around what comes in one piece. What an input method composes is one step.
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

/** With several carets each letter moves the places of those behind: only that there are as many is known. */
function goesOn(change: editor.IModelContentChange | undefined, last: Edit): boolean {
  if (change === undefined || last.carets > 1) return true;
  const { rangeOffset: at, rangeLength: removed } = change;
  return last.ends.includes(at) || (last.kind === 'deleting' && last.ends.includes(at + removed));
}
