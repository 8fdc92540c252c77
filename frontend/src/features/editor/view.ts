import { editor, type IDisposable, Selection } from 'monaco-editor/editor';
import type { Text } from 'yjs';
import { insertsAt, moved, type Step } from './delta';
import { locate, share, type SharedSelection, type Span } from './selections';

/** One editor on a bound model: what remote edits must not disturb in it, and where its person is. */
export class View {
  private readonly listeners: IDisposable[] = [];
  private readonly onMove = new Set<() => void>();
  // Offsets, not positions: the model tells of an edit before the cursors have followed it.
  private spans: readonly Span[] = [];

  constructor(
    readonly codeEditor: editor.ICodeEditor,
    private readonly text: Text,
    isApplying: () => boolean,
  ) {
    this.refresh();
    this.listeners.push(
      codeEditor.onDidChangeCursorSelection(() => {
        this.refresh();
        if (!isApplying()) for (const moved of this.onMove) moved();
      }),
    );
  }

  /** Calls `listener` when an input method begins to compose, and when it ends. */
  onComposition(listener: (composing: boolean) => void) {
    this.listeners.push(this.codeEditor.onDidCompositionStart(() => listener(true)), this.codeEditor.onDidCompositionEnd(() => listener(false)));
  }

  /** Calls `listener` when the person moves; never for a caret that a remote edit pushed. */
  onLocalMove(listener: () => void): () => void {
    this.onMove.add(listener);
    return () => void this.onMove.delete(listener);
  }

  /** The selections, primary first, fixed to the text. Before `refresh` these are the ones from before an edit. */
  selections(): SharedSelection[] {
    return this.spans.map((span) => share(span, this.text));
  }

  /** Reads the selections again after an edit: their offsets change even where line and column do not. */
  refresh() {
    const model = this.codeEditor.getModel();
    const selections = model === null ? null : this.codeEditor.getSelections();
    this.spans = (selections ?? []).map((selection) => ({
      anchor: model?.getOffsetAt(selection.getSelectionStart()) ?? 0,
      head: model?.getOffsetAt(selection.getPosition()) ?? 0,
    }));
  }

  restore(selections: readonly SharedSelection[]) {
    const model = this.codeEditor.getModel();
    if (!model) return;
    const found = selections.map((shared) => locate(shared, model, this.text)).filter((selection) => selection !== null);
    const [primary] = found;
    if (!primary) return;
    this.codeEditor.setSelections(found);
    this.codeEditor.revealPositionInCenterIfOutsideViewport(primary.getPosition());
  }

  /** Notes what the change must leave alone; the answer puts it back after the change. */
  hold(delta: readonly Step[]): () => void {
    const carets = this.holdCarets(delta);
    const scroll = this.holdScroll(delta);
    return () => {
      carets?.();
      scroll?.();
      this.refresh();
    };
  }

  dispose() {
    for (const listener of this.listeners) listener.dispose();
    this.onMove.clear();
  }

  // Monaco moves its own carets well, save one: an empty one exactly where others insert would be pushed along.
  private holdCarets(delta: readonly Step[]): (() => void) | null {
    const model = this.codeEditor.getModel();
    if (!model) return null;
    const pushed = new Map<number, number>();
    this.spans.forEach(({ anchor, head }, index) => {
      if (anchor === head && insertsAt(head, delta)) pushed.set(index, moved(head, delta, 'left'));
    });
    if (pushed.size === 0) return null;
    return () => {
      const now = this.codeEditor.getSelections() ?? [];
      const kept = now.map((selection, index) => {
        const offset = pushed.get(index);
        return offset === undefined ? selection : Selection.fromPositions(model.getPositionAt(offset));
      });
      if (kept.length > 0) this.codeEditor.setSelections(kept);
    };
  }

  // Lines that arrive or go above the viewport must not move what is being read.
  private holdScroll(delta: readonly Step[]): (() => void) | null {
    const { codeEditor } = this;
    const model = codeEditor.getModel();
    const first = codeEditor.getVisibleRanges()[0];
    const scrollTop = codeEditor.getScrollTop();
    if (!model || !first || scrollTop === 0) return null;
    const line = first.startLineNumber;
    const start = moved(model.getOffsetAt({ lineNumber: line, column: 1 }), delta, 'right');
    const top = codeEditor.getTopForLineNumber(line);
    return () => {
      const shift = codeEditor.getTopForLineNumber(model.getPositionAt(start).lineNumber) - top;
      if (shift !== 0) codeEditor.setScrollTop(scrollTop + shift, editor.ScrollType.Immediate);
    };
  }
}
