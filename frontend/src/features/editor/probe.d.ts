import type { editor } from 'monaco-editor/editor';
import type { Text } from 'yjs';
import type { CodeBinding } from './binding';

declare global {
  /** Set by end-to-end tests before the page loads; absent otherwise. Receives internals that no page shows. */
  var codesyncProbe: ((inside: { model: editor.ITextModel; text: Text; binding: CodeBinding }) => void) | undefined;
}
