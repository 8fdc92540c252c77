import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { FormError, PasswordField } from '@/components/Field';
import { toast } from '@/components/toasts';
import { ApiError, explain } from '@/lib/api/errors';
import styles from './Form.module.css';
import { NewPasswordField } from './NewPasswordField';
import { useChangePassword } from './useAuth';

export function PasswordForm() {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = useChangePassword();
  const fields = change.error instanceof ApiError ? change.error.fields : {};
  const inFields = Object.keys(fields).length > 0;

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const body = { current_password: current, new_password: next };
    const onSuccess = () => {
      setCurrent('');
      setNext('');
      toast('Password changed.');
    };
    change.mutate(body, { onSuccess });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <FormError>{change.error && !inFields ? explain(change.error) : null}</FormError>
      <PasswordField
        label="Current password"
        autoComplete="current-password"
        required
        value={current}
        error={fields.current_password && 'This is not your current password.'}
        onChange={(event) => setCurrent(event.target.value)}
      />
      <NewPasswordField label="New password" value={next} error={fields.new_password} onChange={(event) => setNext(event.target.value)} />
      <Button type="submit" busy={change.isPending} className={styles.short}>
        Change password
      </Button>
    </form>
  );
}
