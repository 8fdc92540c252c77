import type { ComponentPropsWithRef } from 'react';
import { classes } from '@/lib/classes';
import styles from './Button.module.css';
import { Spinner } from './Spinner';

interface ButtonProps extends ComponentPropsWithRef<'button'> {
  tone?: 'primary' | 'plain' | 'quiet' | 'danger';
  size?: 'm' | 's';
  /** Shows that the work is in progress; the button does nothing until then, but keeps the focus. */
  busy?: boolean;
}

export function Button({ tone = 'plain', size = 'm', busy = false, className, children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={classes(styles.button, styles[tone], size === 's' && styles.small, className)}
      aria-disabled={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy && <Spinner />}
      {children}
    </button>
  );
}

interface IconButtonProps extends ComponentPropsWithRef<'button'> {
  /** The accessible name of the button. */
  label: string;
}

export function IconButton({ label, className, children, ...rest }: IconButtonProps) {
  return (
    <button type="button" aria-label={label} {...rest} className={classes(styles.icon, className)}>
      {children}
    </button>
  );
}
