import { editor, type IDisposable, Selection } from 'monaco-editor/editor';
import type { Text } from 'yjs';
import { insertsAt, moved, type Step } from './delta';
import { locate, share, type SharedSelection, type Span } from './selections';

/** One editor on a bound model: what remote edits must not disturb in it, and the position of its person. */
export class View {
  private readonly listeners: IDisposable[] = [];
  private readonly onMove = new Set<() => void>();
  // Offsets, not positions: the model reports an edit before the cursors have followed it.
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

  /** Calls `listener` when a composition of an input method begins and ends. */
  onComposition(listener: (composing: boolean) => void) {
    this.listeners.push(this.codeEditor.onDidCompositionStart(() => listener(true)), this.codeEditor.onDidCompositionEnd(() => listener(false)));
  }

  /** Calls `listener` when the person moves; never for a caret that a remote edit pushed. */
  onLocalMove(listener: () => void): () => void {
    this.onMove.add(listener);
    return () => void this.onMove.delete(listener);
  }

  /** The selections, primary first, anchored in the text. Before `refresh` these are the ones from before an edit. */
  selections(): SharedSelection[] {
    return this.spans.map((span) => share(span, this.text));
  }

  /** Reads the selections again after an edit: their offsets change even if line and column do not. */
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

  /** Records what the change must not disturb; the returned function restores it after the change. */
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

  // Monaco moves its own carets correctly, except an empty one exactly where others insert, which would be pushed along.
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

  // Lines that are added or removed above the viewport must not move the visible text.
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
