import { useEffect, useRef } from 'react';
import { useStore } from '@/lib/store';
import { editor } from './monaco';
import styles from './CodeEditor.module.css';
import { editorSettings } from './settings';
import { FONT_FAMILY, lineHeight } from './useCodeEditor';

/** A text as the editor would show it, to read and to copy from. */
export function ReadOnlyCode({ text, language, label }: { text: string; language: string; label: string }) {
  const container = useRef<HTMLDivElement>(null);
  const { fontSize } = useStore(editorSettings);
  useEffect(() => {
    if (container.current === null) return;
    const model = editor.createModel(text, language);
    const shown = editor.create(container.current, {
      model,
      ariaLabel: label,
      automaticLayout: true,
      contextmenu: false,
      domReadOnly: true,
      fontFamily: FONT_FAMILY,
      fontSize,
      glyphMargin: false,
      lineHeight: lineHeight(fontSize),
      lineNumbersMinChars: 4,
      minimap: { enabled: false },
      occurrencesHighlight: 'off',
      padding: { top: 8, bottom: 8 },
      readOnly: true,
      scrollBeyondLastLine: false,
      stickyScroll: { enabled: false },
    });
    return () => {
      shown.dispose();
      model.dispose();
    };
  }, [text, language, label, fontSize]);
  return <div ref={container} className={styles.editor} />;
}
