import { type ComponentPropsWithRef, type ReactNode, useId } from 'react';
import { classes } from '@/lib/classes';
import styles from './Field.module.css';

interface FieldProps extends ComponentPropsWithRef<'input'> {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
}

/** A labelled input with its hint and its error, tied together for screen readers. */
export function Field({ label, hint, error, className, ...rest }: FieldProps) {
  const id = useId();
  const notes = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div className={classes(styles.field, className)}>
      <label htmlFor={id}>{label}</label>
      <input {...rest} id={id} className={styles.input} aria-invalid={error ? true : undefined} aria-describedby={notes || undefined} />
      {hint && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className={styles.error}>
          {error}
        </p>
      )}
    </div>
  );
}

interface SelectProps extends ComponentPropsWithRef<'select'> {
  label: string;
  /** Where the label is said but not shown. */
  labelHidden?: boolean;
}

export function Select({ label, labelHidden = false, className, children, ...rest }: SelectProps) {
  const id = useId();
  return (
    <div className={classes(styles.field, className)}>
      <label htmlFor={id} className={labelHidden ? 'sr-only' : undefined}>
        {label}
      </label>
      <select {...rest} id={id} className={classes(styles.input, styles.select)}>
        {children}
      </select>
    </div>
  );
}

/** What went wrong with a whole form; read out as soon as it appears. */
export function FormError({ children }: { children: string | null }) {
  return (
    <div role="alert" className={styles.alert}>
      {children !== null && <p className={styles.formError}>{children}</p>}
    </div>
  );
}
