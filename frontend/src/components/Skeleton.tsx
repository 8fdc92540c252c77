import styles from './Skeleton.module.css';

/** Lines in place of text that is loading. */
export function Skeleton({ width, height = '1em' }: { width: string; height?: string }) {
  return <span className={styles.skeleton} style={{ width, height }} aria-hidden="true" />;
}
