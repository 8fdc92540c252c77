import { useEffect, useRef } from 'react';
import { useStore } from '@/lib/store';
import { editor } from './monaco';
import styles from './CodeEditor.module.css';
import { editorSettings } from './settings';
import { FIXED, lineHeight } from './useCodeEditor';

export const READ_ONLY = {
  ...FIXED,
  contextmenu: false,
  domReadOnly: true,
  minimap: { enabled: false },
  occurrencesHighlight: 'off',
  readOnly: true,
} as const satisfies editor.IEditorConstructionOptions;

/** A text as the editor shows it, to read and to copy from. */
export function ReadOnlyCode({ text, language, label }: { text: string; language: string; label: string }) {
  const container = useRef<HTMLDivElement>(null);
  const { fontSize } = useStore(editorSettings);
  useEffect(() => {
    if (container.current === null) return;
    const model = editor.createModel(text, language);
    const shown = editor.create(container.current, {
      ...READ_ONLY,
      model,
      ariaLabel: label,
      fontSize,
      lineHeight: lineHeight(fontSize),
    });
    return () => {
      shown.dispose();
      model.dispose();
    };
  }, [text, language, label, fontSize]);
  return <div ref={container} className={styles.editor} />;
}
