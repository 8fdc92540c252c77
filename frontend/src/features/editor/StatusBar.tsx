import { changeSettings, editorSettings } from './settings';
import { useStore } from '@/lib/store';
import { LanguagePicker } from './LanguagePicker';
import type { editor } from './monaco';
import styles from './StatusBar.module.css';
import { useCursor } from './useCursor';

interface StatusBarProps {
  codeEditor: editor.ICodeEditor | null;
  language: string;
  /** Absent where this person may not choose. */
  onLanguage: ((id: string) => void) | undefined;
}

export function StatusBar({ codeEditor, language, onLanguage }: StatusBarProps) {
  const { line, column, selected, carets } = useCursor(codeEditor);
  const { tabMovesFocus } = useStore(editorSettings);
  return (
    <footer className={styles.bar} aria-label="Editor status">
      <span>
        Ln {line}, Col {column}
        {carets > 1 ? ` (${carets} carets)` : selected > 0 && ` (${selected} selected)`}
      </span>
      <span className={styles.gap} />
      <button
        type="button"
        className={styles.button}
        aria-pressed={tabMovesFocus}
        title="When on, Tab leaves the editor. Ctrl+M does the same from within."
        onClick={() => changeSettings({ tabMovesFocus: !tabMovesFocus })}
      >
        Tab: {tabMovesFocus ? 'moves focus' : 'indents'}
      </button>
      <span className={styles.wide}>UTF-8</span>
      <LanguagePicker value={language} onChange={onLanguage} className={styles.button} />
    </footer>
  );
}
