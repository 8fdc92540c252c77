import { editor, Range, type Selection } from 'monaco-editor/editor';
import type { Awareness } from 'y-protocols/awareness';
import type { Text } from 'yjs';
import { PALETTE } from '@/lib/palette';
import { others, type Peer } from '@/lib/peer';
import { NameLabel } from './nameLabel';
import { locate } from './selections';
import './peers.css';

const SELECTIONS_MAX = 32;
const BLANKS_MAX = 500;
/** Labels beyond these would hide the text; the carets stay. */
const LABELS_MAX = 50;

/** Draws the carets, selections and names of others into an editor, at most once per frame; returns the function that stops it. */
export function drawPeers(codeEditor: editor.ICodeEditor, text: Text, awareness: Awareness): () => void {
  const decorations = codeEditor.createDecorationsCollection();
  const labels = new Map<number, NameLabel>();
  let frame = 0;

  const draw = () => {
    frame = 0;
    const model = codeEditor.getModel();
    if (!model) return;
    const drawn: editor.IModelDeltaDecoration[] = [];
    const seen = new Set<number>();
    for (const { peer, state } of others(awareness)) {
      const [primary, ...more] = selectionsOf(state).map((shared) => locate(shared, model, text));
      if (!primary) continue;
      for (const selection of [primary, ...more]) if (selection) drawn.push(...decorate(peer, selection), ...blankLines(peer, selection, model));
      if (seen.size >= LABELS_MAX) continue;
      seen.add(peer.clientId);
      const label = labels.get(peer.clientId) ?? new NameLabel(codeEditor, peer.clientId);
      labels.set(peer.clientId, label);
      label.show(peer, primary.getPosition());
    }
    decorations.set(drawn);
    for (const [clientId, label] of labels) {
      if (seen.has(clientId)) continue;
      label.dispose();
      labels.delete(clientId);
    }
  };
  const schedule = () => {
    frame ||= window.requestAnimationFrame(draw);
  };
  const hover = codeEditor.onMouseMove(({ target }) => {
    for (const label of labels.values()) label.hover(target.position);
  });
  awareness.on('change', schedule);
  text.observe(schedule);
  schedule();

  return () => {
    window.cancelAnimationFrame(frame);
    awareness.off('change', schedule);
    text.unobserve(schedule);
    hover.dispose();
    decorations.clear();
    for (const label of labels.values()) label.dispose();
  };
}

/** All carets of a page of ours, or the one of a y-monaco page. */
function selectionsOf(state: Record<string, unknown>): unknown[] {
  const { selection, selections } = state;
  const all: unknown[] = Array.isArray(selections) && selections.length > 0 ? selections : [selection];
  return all.slice(0, SELECTIONS_MAX);
}

/** A mark on each blank line of a selection, which has no width there; at most as many as a large screen shows. */
function blankLines(peer: Peer, selection: Selection, model: editor.ITextModel): editor.IModelDeltaDecoration[] {
  const drawn: editor.IModelDeltaDecoration[] = [];
  for (let line = selection.startLineNumber; line < selection.endLineNumber && drawn.length < BLANKS_MAX; line += 1) {
    if (model.getLineLength(line) > 0) continue;
    drawn.push({ range: new Range(line, 1, line, 1), options: { beforeContentClassName: `cs-sel cs-blank cs-c${peer.color}` } });
  }
  return drawn;
}

function decorate(peer: Peer, selection: Selection): editor.IModelDeltaDecoration[] {
  const tone = `cs-c${peer.color}`;
  const stickiness = editor.TrackedRangeStickiness.NeverGrowsWhenTypingAtEdges;
  const caret = selection.getPosition();
  const drawn: editor.IModelDeltaDecoration[] = [
    {
      range: Range.fromPositions(caret),
      options: {
        stickiness,
        beforeContentClassName: `cs-caret ${tone}${peer.idle ? ' cs-idle' : ''}`,
        overviewRuler: { color: PALETTE[peer.color]?.hex ?? PALETTE[0].hex, position: editor.OverviewRulerLane.Right },
      },
    },
  ];
  if (!selection.isEmpty()) drawn.push({ range: selection, options: { stickiness, className: `cs-sel ${tone}` } });
  return drawn;
}
