import type { ReactNode } from 'react';
import styles from './Notice.module.css';

interface NoticeProps {
  art?: ReactNode;
  title: string;
  children: ReactNode;
  actions?: ReactNode;
  /** The level of the heading on its page. */
  level?: 1 | 2;
}

/** An empty page or list: nothing here yet, not found, no access. */
export function Notice({ art, title, children, actions, level = 2 }: NoticeProps) {
  const Heading = level === 1 ? 'h1' : 'h2';
  return (
    <section className={styles.notice}>
      {art && (
        <div className={styles.art} aria-hidden="true">
          {art}
        </div>
      )}
      <Heading className={styles.title}>{title}</Heading>
      <div className={styles.text}>{children}</div>
      {actions && <div className={styles.actions}>{actions}</div>}
    </section>
  );
}
