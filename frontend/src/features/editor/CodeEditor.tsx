import { useEffect, useRef } from 'react';
import styles from './CodeEditor.module.css';
import type { editor } from './monaco';
import { type CodeEditorOptions, type Shared, useCodeEditor } from './useCodeEditor';

interface CodeEditorProps extends CodeEditorOptions {
  shared: Shared;
  /** Called with the editor once it exists, and with null when it is disposed. */
  onEditor: (codeEditor: editor.IStandaloneCodeEditor | null) => void;
}

export function CodeEditor({ shared, onEditor, ...options }: CodeEditorProps) {
  const container = useRef<HTMLDivElement>(null);
  const codeEditor = useCodeEditor(container, shared, options);
  useEffect(() => {
    onEditor(codeEditor);
    codeEditor?.focus();
  }, [codeEditor, onEditor]);
  return <div ref={container} className={styles.editor} />;
}
