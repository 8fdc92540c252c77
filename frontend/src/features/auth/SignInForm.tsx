import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { Field, FormError, PasswordField } from '@/components/Field';
import { ApiError, explain } from '@/lib/api/errors';
import styles from './Form.module.css';
import { useSignIn } from './useAuth';

interface SignInFormProps {
  /** Set if the page belongs to this account. */
  onlyEmail?: string;
  onDone?: () => void;
}

export function SignInForm({ onlyEmail, onDone }: SignInFormProps) {
  const [email, setEmail] = useState(onlyEmail ?? '');
  const [password, setPassword] = useState('');
  const signIn = useSignIn();

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    signIn.mutate({ email: email.trim(), password }, { onSuccess: () => onDone?.() });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <FormError>{signIn.error && problem(signIn.error, onlyEmail === undefined ? 'Wrong e-mail or password.' : 'Wrong password.')}</FormError>
      {onlyEmail === undefined ? (
        <Field
          label="E-mail"
          type="email"
          name="email"
          autoComplete="username"
          required
          // eslint-disable-next-line jsx-a11y/no-autofocus -- the page is this form and nothing else
          autoFocus
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
      ) : (
        // For password managers, which look for the account beside the password.
        <input type="email" name="email" autoComplete="username" className="sr-only" tabIndex={-1} aria-hidden readOnly value={email} />
      )}
      <PasswordField
        label="Password"
        name="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" tone="primary" busy={signIn.isPending} className={styles.submit}>
        Sign in
      </Button>
    </form>
  );
}

function problem(error: Error, refused: string): string {
  return error instanceof ApiError && error.status === 401 ? refused : explain(error);
}
