import type { ComponentProps } from 'react';
import { PasswordField } from '@/components/Field';
import { PASSWORD_MIN, passwordHint } from './password';

/** A password that is chosen here, with what the server asks of it. */
export function NewPasswordField(props: ComponentProps<typeof PasswordField>) {
  return <PasswordField autoComplete="new-password" required minLength={PASSWORD_MIN} hint={passwordHint} {...props} />;
}
