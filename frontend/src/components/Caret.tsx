import styles from './Caret.module.css';

/** Someone's caret with their name, as the editor draws it, for pictures outside of the editor. */
export function Caret({ name, color }: { name: string; color: number }) {
  return (
    <span className={styles.caret} style={{ '--peer-color': `var(--peer-${color})` }} aria-hidden="true">
      <span className={styles.name}>{name}</span>
    </span>
  );
}
