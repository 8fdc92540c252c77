import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { Logo } from '@/components/Logo';
import styles from './Page.module.css';

/** A page with a single message. */
export function BarePage({ children }: { children: ReactNode }) {
  return (
    <div className={styles.bare}>
      <header className={styles.bareHead}>
        <Link to="/" aria-label="CodeSync, your documents">
          <Logo />
        </Link>
      </header>
      <main className={styles.centered}>{children}</main>
    </div>
  );
}
