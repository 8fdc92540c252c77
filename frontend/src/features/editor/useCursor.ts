import { useMemo } from 'react';
import { type Store, useStore } from '@/lib/store';
import type { editor } from './monaco';

export interface Cursor {
  line: number;
  column: number;
  /** The number of characters in all selections. */
  selected: number;
  carets: number;
}

const START: Cursor = { line: 1, column: 1, selected: 0, carets: 1 };

/** The position of this person's caret. */
export function useCursor(codeEditor: editor.ICodeEditor | null): Cursor {
  return useStore(useMemo(() => cursorStore(codeEditor), [codeEditor]));
}

function cursorStore(codeEditor: editor.ICodeEditor | null): Store<Cursor> {
  let cursor = codeEditor ? read(codeEditor) : START;
  return {
    get: () => cursor,
    subscribe: (listener) => {
      const subscription = codeEditor?.onDidChangeCursorSelection(() => {
        cursor = read(codeEditor);
        listener();
      });
      return () => subscription?.dispose();
    },
  };
}

function read(codeEditor: editor.ICodeEditor): Cursor {
  const model = codeEditor.getModel();
  const selections = codeEditor.getSelections() ?? [];
  const position = selections[0]?.getPosition() ?? { lineNumber: 1, column: 1 };
  const selected = selections.reduce((sum, selection) => sum + (model?.getValueLengthInRange(selection) ?? 0), 0);
  return { line: position.lineNumber, column: position.column, selected, carets: Math.max(selections.length, 1) };
}
