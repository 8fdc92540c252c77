import { Link, type LinkProps } from 'react-router';
import { classes } from '@/lib/classes';
import styles from './Button.module.css';

/** A link that looks like a button. */
export function LinkButton({ className, ...rest }: LinkProps) {
  return <Link {...rest} className={classes(styles.button, styles.plain, styles.link, className)} />;
}
