import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { FormError } from '@/components/Field';
import { ApiError, explain } from '@/lib/api/errors';
import styles from './Form.module.css';
import { NewPasswordField } from './NewPasswordField';
import { useResetPassword } from './useAuth';

interface ResetPasswordFormProps {
  /** The secret of the link from an administrator. */
  secret: string;
  onDone: () => void;
}

export function ResetPasswordForm({ secret, onDone }: ResetPasswordFormProps) {
  const [password, setPassword] = useState('');
  const reset = useResetPassword();
  const fields = reset.error instanceof ApiError ? reset.error.fields : {};

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    reset.mutate({ secret, password }, { onSuccess: onDone });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <FormError>{reset.error && !fields.password ? problem(reset.error) : null}</FormError>
      <NewPasswordField label="New password" name="password" value={password} error={fields.password} onChange={(event) => setPassword(event.target.value)} />
      <Button type="submit" tone="primary" busy={reset.isPending} className={styles.submit}>
        Set the password
      </Button>
    </form>
  );
}

function problem(error: Error): string {
  const isUsed = error instanceof ApiError && error.status === 404;
  return isUsed ? 'This link was used before, or it has ended. Ask the person who sent it for a new one.' : explain(error);
}
