import type { ReactNode } from 'react';
import { classes } from '@/lib/classes';
import styles from './Badge.module.css';

export function Badge({ tone = 'plain', children }: { tone?: 'plain' | 'accent' | 'warn'; children: ReactNode }) {
  return <span className={classes(styles.badge, styles[tone])}>{children}</span>;
}
