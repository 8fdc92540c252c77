import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { FormError, Select } from '@/components/Field';
import { explain } from '@/lib/api/errors';
import type { CreatedLink, Role } from '@/lib/api/types';
import { asRole } from './roles';
import styles from './Share.module.css';
import { useCreateLink } from './useSharing';

const LIFETIMES = [
  { name: 'No expiry', hours: 0 },
  { name: '1 day', hours: 24 },
  { name: '7 days', hours: 7 * 24 },
  { name: '30 days', hours: 30 * 24 },
] as const;

interface NewLinkProps {
  documentId: string;
  onCreated: (link: CreatedLink) => void;
}

export function NewLink({ documentId, onCreated }: NewLinkProps) {
  const [role, setRole] = useState<Role>('viewer');
  const [hours, setHours] = useState(0);
  const create = useCreateLink(documentId);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const expires = hours === 0 ? null : new Date(Date.now() + hours * 3600_000).toISOString();
    create.mutate({ role, expires_at: expires }, { onSuccess: onCreated });
  };
  return (
    <form onSubmit={submit} className={styles.newLink}>
      <Select label="A new link lets people" value={role} onChange={(event) => setRole(asRole(event.target.value))}>
        <option value="viewer">View</option>
        <option value="editor">Edit</option>
      </Select>
      <Select label="For" value={hours} onChange={(event) => setHours(Number(event.target.value))}>
        {LIFETIMES.map(({ name, hours: value }) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </Select>
      <Button type="submit" busy={create.isPending}>
        Create link
      </Button>
      <FormError>{create.error && explain(create.error)}</FormError>
    </form>
  );
}
