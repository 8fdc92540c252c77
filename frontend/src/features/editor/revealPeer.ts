import { editor } from 'monaco-editor/editor';
import type { Awareness } from 'y-protocols/awareness';
import type { Text } from 'yjs';
import { others } from '@/lib/peer';
import { locate } from './selections';

/** Scrolls to that person's position; returns whether there is one. */
export function revealPeer(codeEditor: editor.ICodeEditor, { text, awareness }: { text: Text; awareness: Awareness }, userId: string): boolean {
  const model = codeEditor.getModel();
  if (!model) return false;
  for (const { peer, state } of others(awareness)) {
    const selection = peer.userId === userId ? locate(state.selection, model, text) : null;
    if (!selection) continue;
    codeEditor.revealPositionInCenterIfOutsideViewport(selection.getPosition(), editor.ScrollType.Smooth);
    return true;
  }
  return false;
}
