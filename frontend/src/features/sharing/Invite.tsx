import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { Field, FormError, Select } from '@/components/Field';
import { ApiError, explain } from '@/lib/api/errors';
import type { Role } from '@/lib/api/types';
import { asRole } from './roles';
import styles from './Share.module.css';
import { useGrant } from './useSharing';

export function Invite({ documentId }: { documentId: string }) {
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('editor');
  const grant = useGrant(documentId);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    grant.mutate({ email: email.trim(), role }, { onSuccess: () => setEmail('') });
  };
  return (
    <form className={styles.invite} onSubmit={submit}>
      <div className={styles.inviteRow}>
        <Field label="Add a person by e-mail" type="email" autoComplete="off" placeholder="name@example.org" required value={email} onChange={(event) => setEmail(event.target.value)} />
        <Select label="Role" value={role} onChange={(event) => setRole(asRole(event.target.value))}>
          <option value="editor">Can edit</option>
          <option value="viewer">Can view</option>
        </Select>
        <Button type="submit" tone="primary" busy={grant.isPending}>
          Add
        </Button>
      </div>
      <FormError>{grant.error && problem(grant.error)}</FormError>
    </form>
  );
}

function problem(error: Error): string {
  if (error instanceof ApiError && error.code === 'user_not_found') {
    return 'Nobody here has that e-mail. Send them a link instead: they can register with it.';
  }
  return error instanceof ApiError ? (error.fields.email ?? explain(error)) : explain(error);
}
