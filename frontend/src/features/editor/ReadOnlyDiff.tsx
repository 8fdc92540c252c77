import { useEffect, useRef, useState } from 'react';
import { useStore } from '@/lib/store';
import { editor } from './monaco';
import styles from './CodeEditor.module.css';
import { READ_ONLY } from './ReadOnlyCode';
import { editorSettings } from './settings';
import { lineHeight } from './useCodeEditor';

interface ReadOnlyDiffProps {
  before: string;
  /** Called once, so that the shown text does not move. */
  now: () => string;
  language: string;
  label: string;
}

/** The changes from a text to the current one, line by line; unchanged lines are folded. */
export function ReadOnlyDiff({ before, now, language, label }: ReadOnlyDiffProps) {
  const container = useRef<HTMLDivElement>(null);
  const [after] = useState(now);
  const { fontSize } = useStore(editorSettings);
  useEffect(() => {
    if (container.current === null) return;
    const [original, modified] = [editor.createModel(before, language), editor.createModel(after, language)];
    const shown = editor.createDiffEditor(container.current, {
      ...READ_ONLY,
      fontSize,
      hideUnchangedRegions: { enabled: true },
      ignoreTrimWhitespace: false,
      lineHeight: lineHeight(fontSize),
      renderGutterMenu: false,
      renderMarginRevertIcon: false,
      renderOverviewRuler: false,
      renderSideBySide: false,
    });
    // Monaco's own labels do not reach these.
    for (const side of [shown.getOriginalEditor(), shown.getModifiedEditor()]) side.updateOptions({ ariaLabel: label });
    shown.setModel({ original, modified });
    return () => {
      shown.dispose();
      original.dispose();
      modified.dispose();
    };
  }, [before, after, language, label, fontSize]);
  return before === after ? <p>Nothing has changed since.</p> : <div ref={container} className={styles.editor} />;
}
