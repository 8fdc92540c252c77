import { changeSettings, editorSettings } from './settings';
import { useStore } from '@/lib/store';
import type { Indentation } from '@/lib/indentation';
import type { LineEnd } from '@/lib/text';
import { IndentationPicker } from './IndentationPicker';
import { LanguagePicker } from './LanguagePicker';
import { LineEndPicker } from './LineEndPicker';
import type { editor } from './monaco';
import styles from './StatusBar.module.css';
import { useCursor } from './useCursor';

interface StatusBarProps {
  codeEditor: editor.ICodeEditor | null;
  language: string;
  lineEnd: LineEnd;
  indentation: Indentation;
  /** Absent if this person may not choose. */
  onChange: ((change: { language: string } | { line_end: LineEnd } | { indentation: Indentation }) => void) | undefined;
}

export function StatusBar({ codeEditor, language, lineEnd, indentation, onChange }: StatusBarProps) {
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
      <IndentationPicker codeEditor={codeEditor} value={indentation} onChange={onChange && ((indentation) => onChange({ indentation }))} className={styles.button} />
      <span className={styles.wide}>UTF-8</span>
      <LineEndPicker value={lineEnd} onChange={onChange && ((line_end) => onChange({ line_end }))} className={styles.button} />
      <LanguagePicker value={language} onChange={onChange && ((language) => onChange({ language }))} className={styles.button} />
    </footer>
  );
}
