import { type KeyboardEvent, useState } from 'react';
import { useCommands } from '@/lib/commands';
import styles from './TitleField.module.css';

interface TitleFieldProps {
  title: string;
  /** Absent if this person may not rename. */
  onRename: ((title: string) => void) | undefined;
}

/** The title of the document as the heading of the page; editors click it to rename. */
export function TitleField({ title, onRename }: TitleFieldProps) {
  const [draft, setDraft] = useState<string | null>(null);
  useCommands(() => (onRename ? [{ id: 'rename', label: 'Rename document…', run: () => setDraft(title) }] : []));
  const finish = () => {
    const next = draft?.trim() ?? '';
    if (next !== '' && next !== title) onRename?.(next);
    setDraft(null);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Enter') event.currentTarget.blur();
    if (event.key === 'Escape') setDraft(null);
  };
  if (draft !== null) {
    return (
      <input
        className={styles.input}
        dir="auto"
        aria-label="Document name"
        maxLength={200}
        size={Math.max(draft.length, 8)}
        // eslint-disable-next-line jsx-a11y/no-autofocus -- the person has just asked for this field
        autoFocus
        value={draft}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={finish}
        onKeyDown={onKeyDown}
      />
    );
  }
  return (
    <h1 className={styles.title}>
      {onRename ? (
        <button type="button" className={styles.button} dir="auto" title="Rename" onClick={() => setDraft(title)}>
          {title}
        </button>
      ) : (
        <span className={styles.plain} dir="auto">{title}</span>
      )}
    </h1>
  );
}
