import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { Field, FormError } from '@/components/Field';
import { ApiError, explain } from '@/lib/api/errors';
import styles from './Form.module.css';
import { NewPasswordField } from './NewPasswordField';
import type { useRegister } from './useAuth';

interface RegisterFormProps {
  /** Creates the account. */
  register: ReturnType<typeof useRegister>;
  /** The words to show in place of an error's own. */
  problem?: (error: Error) => string | undefined;
}

export function RegisterForm({ register, problem }: RegisterFormProps) {
  const [values, setValues] = useState({ name: '', email: '', password: '' });
  const fields = register.error instanceof ApiError ? register.error.fields : {};
  const taken = register.error instanceof ApiError && register.error.code === 'email_taken';

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    register.mutate({ ...values, name: values.name.trim(), email: values.email.trim() });
  };
  const input = (name: keyof typeof values) => ({
    name,
    value: values[name],
    error: fields[name],
    required: true,
    onChange: (event: { target: { value: string } }) => setValues({ ...values, [name]: event.target.value }),
  });
  const inFields = taken || Object.keys(fields).length > 0;
  return (
    <form className={styles.form} onSubmit={submit}>
      <FormError>{register.error && !inFields ? (problem?.(register.error) ?? explain(register.error)) : null}</FormError>
      <Field label="Name" autoComplete="name" hint="What others see beside your caret." {...input('name')} />
      <Field
        label="E-mail"
        type="email"
        autoComplete="username"
        {...input('email')}
        {...(taken && { error: 'This e-mail already has an account. Sign in instead?' })}
      />
      <NewPasswordField label="Password" {...input('password')} />
      <Button type="submit" tone="primary" busy={register.isPending} className={styles.submit}>
        Create account
      </Button>
    </form>
  );
}
