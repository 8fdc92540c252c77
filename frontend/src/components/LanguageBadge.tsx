import { PALETTE } from '@/lib/palette';
import { languageById } from '@/lib/languages';
import styles from './LanguageBadge.module.css';

/** The language of a document as a small sheet: its file extension on a colour. */
export function LanguageBadge({ id }: { id: string }) {
  const { extensions, name } = languageById(id);
  return (
    <span className={styles.sheet} style={{ '--peer-color': `var(--peer-${tone(id)})` }} title={name}>
      <span aria-hidden="true">{(extensions[0] ?? 'txt').slice(0, 4)}</span>
    </span>
  );
}

function tone(id: string): number {
  if (id === 'plaintext') return PALETTE.length - 1;
  return Array.from(id).reduce((sum, char) => sum + char.charCodeAt(0), 0) % (PALETTE.length - 1);
}
