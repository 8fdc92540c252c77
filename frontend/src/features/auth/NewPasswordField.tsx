import type { ComponentProps } from 'react';
import { PasswordField } from '@/components/Field';
import { PASSWORD_MIN, passwordHint } from './password';

/** A field for a new password, with the server's requirements. */
export function NewPasswordField(props: ComponentProps<typeof PasswordField>) {
  return <PasswordField autoComplete="new-password" required minLength={PASSWORD_MIN} hint={passwordHint} {...props} />;
}
