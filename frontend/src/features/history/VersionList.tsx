import { classes } from '@/lib/classes';
import type { Version } from '@/lib/api/types';
import { fileSize } from '@/lib/text';
import { ago, exactTime } from '@/lib/time';
import styles from './History.module.css';

interface VersionListProps {
  versions: readonly Version[];
  /** The id of the shown version. */
  shown: string | undefined;
  onShow: (version: Version) => void;
}

export function VersionList({ versions, shown, onShow }: VersionListProps) {
  return (
    <ul className={styles.list} aria-label="Versions">
      {versions.map((version) => (
        <li key={version.id}>
          <button type="button" className={classes(styles.version, version.id === shown && styles.shown)} aria-current={version.id === shown || undefined} onClick={() => onShow(version)}>
            <bdi className={styles.title}>{version.name ?? exactTime(version.created_at)}</bdi>
            <span className={styles.facts}>
              {version.name === null ? ago(version.created_at) : exactTime(version.created_at)} · {fileSize(version.size_bytes)}
              {version.author && (
                <>
                  {' · '}
                  <bdi>{version.author.name}</bdi>
                </>
              )}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
