import { Eye, EyeOff } from 'lucide-react';
import { type ChangeEvent, type ComponentPropsWithRef, type InvalidEvent, type ReactNode, useId, useState } from 'react';
import { classes } from '@/lib/classes';
import { IconButton } from './Button';
import styles from './Field.module.css';

interface FieldProps extends ComponentPropsWithRef<'input'> {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  /** The element at the end of the input. */
  end?: ReactNode;
}

/** A labelled input with its hint and its error, connected for screen readers. */
export function Field({ label, hint, error: refusal, end, className, onChange, ...rest }: FieldProps) {
  const id = useId();
  const [flaw, setFlaw] = useState<string | null>(null);
  const error = flaw ?? refusal;
  const onInvalid = (event: InvalidEvent<HTMLInputElement>) => {
    // Shown below the field like all errors, instead of in the browser's bubble, which would also move the focus.
    event.preventDefault();
    const input = event.currentTarget;
    setFlaw(flawOf(input));
    const first = [...(input.form?.elements ?? [])].find((each) => each instanceof HTMLInputElement && !each.validity.valid);
    if (first === input) input.focus();
  };
  const change = (event: ChangeEvent<HTMLInputElement>) => {
    setFlaw(null);
    onChange?.(event);
  };
  const notes = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div className={classes(styles.field, className)}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.box}>
        <input
          dir={rest.type === undefined ? 'auto' : undefined}
          {...rest}
          id={id}
          className={classes(styles.input, Boolean(end) && styles.ended)}
          aria-invalid={error ? true : undefined}
          aria-describedby={notes || undefined}
          onChange={change}
          onInvalid={onInvalid}
        />
        {end}
      </div>
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

function flawOf({ validity, minLength, validationMessage }: HTMLInputElement): string {
  if (validity.valueMissing) return 'Please fill this in.';
  if (validity.tooShort) return `Please use at least ${minLength} characters.`;
  if (validity.typeMismatch) return 'This is not an e-mail address.';
  return validationMessage;
}

/** A field for a password, which can be shown. */
export function PasswordField(props: Omit<FieldProps, 'type' | 'end'>) {
  const [shown, setShown] = useState(false);
  const Eyes = shown ? EyeOff : Eye;
  const toggle = (
    <IconButton label="Show what is typed" aria-pressed={shown} className={styles.end} onClick={() => setShown(!shown)}>
      <Eyes size={17} aria-hidden />
    </IconButton>
  );
  return <Field {...props} type={shown ? 'text' : 'password'} spellCheck={false} autoCapitalize="none" end={toggle} />;
}

interface SelectProps extends ComponentPropsWithRef<'select'> {
  label: string;
  /** Whether the label is announced but not visible. */
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

/** The error of a whole form; announced as soon as it appears. */
export function FormError({ children }: { children: string | null }) {
  return (
    <div role="alert" className={styles.alert}>
      {children !== null && <p className={styles.formError}>{children}</p>}
    </div>
  );
}
