import { useEffect } from 'react';
import { Link, Outlet } from 'react-router';
import { Logo } from '@/components/Logo';
import { loadEditorPage } from './loadEditorPage';
import styles from './Shell.module.css';
import { UnsavedNotice } from './UnsavedNotice';
import { UserMenu } from './UserMenu';

const PREFETCH_MS = 1500;

/** The frame of every page except the editor's. */
export function Shell() {
  useEffect(() => {
    // Once this page is idle. A failure is reported by the editor's page.
    const timer = window.setTimeout(() => void loadEditorPage().catch(() => undefined), PREFETCH_MS);
    return () => window.clearTimeout(timer);
  }, []);
  return (
    <>
      <a href="#main" className={styles.skip}>
        Skip to the content
      </a>
      <header className={styles.bar}>
        <Link to="/" className={styles.home} aria-label="CodeSync, your documents">
          <Logo />
        </Link>
        <UserMenu />
      </header>
      <UnsavedNotice />
      <main id="main" tabIndex={-1} className={styles.main}>
        <Outlet />
      </main>
    </>
  );
}
