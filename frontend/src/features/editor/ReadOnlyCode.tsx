import { useEffect, useRef } from 'react';
import { useStore } from '@/lib/store';
import { editor } from './monaco';
import styles from './CodeEditor.module.css';
import { editorSettings } from './settings';
import { FIXED, lineHeight } from './useCodeEditor';

/** A text as the editor would show it, to read and to copy from. */
export function ReadOnlyCode({ text, language, label }: { text: string; language: string; label: string }) {
  const container = useRef<HTMLDivElement>(null);
  const { fontSize } = useStore(editorSettings);
  useEffect(() => {
    if (container.current === null) return;
    const model = editor.createModel(text, language);
    const shown = editor.create(container.current, {
      ...FIXED,
      model,
      ariaLabel: label,
      contextmenu: false,
      domReadOnly: true,
      fontSize,
      lineHeight: lineHeight(fontSize),
      minimap: { enabled: false },
      occurrencesHighlight: 'off',
      readOnly: true,
    });
    return () => {
      shown.dispose();
      model.dispose();
    };
  }, [text, language, label, fontSize]);
  return <div ref={container} className={styles.editor} />;
}
