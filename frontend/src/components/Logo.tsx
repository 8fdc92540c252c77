import styles from './Logo.module.css';

/** Two carets side by side, the logo. */
export function LogoMark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true" className={styles.mark}>
      <rect width="32" height="32" rx="8.5" className={styles.ground} />
      <path d="M8.5 9.5h5m-5 13h5m-2.5-13v13" className={styles.mine} />
      <path d="M18.5 9.5h5m-5 13h5m-2.5-13v13" className={styles.theirs} />
    </svg>
  );
}

export function Logo({ size = 28 }: { size?: number }) {
  return (
    <span className={styles.logo}>
      <LogoMark size={size} />
      <span className={styles.word}>CodeSync</span>
    </span>
  );
}
