import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { Field, FormError } from '@/components/Field';
import { ApiError, explain } from '@/lib/api/errors';
import type { Version } from '@/lib/api/types';
import styles from './History.module.css';
import { useNameVersion } from './useVersions';

interface NameVersionProps {
  documentId: string;
  flush: () => Promise<void>;
  onNamed: (version: Version) => void;
}

export function NameVersion({ documentId, flush, onNamed }: NameVersionProps) {
  const [name, setName] = useState('');
  const naming = useNameVersion(documentId, flush);
  const fields = naming.error instanceof ApiError ? naming.error.fields : {};

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const onSuccess = (version: Version) => {
      setName('');
      onNamed(version);
    };
    naming.mutate(name.trim(), { onSuccess });
  };
  return (
    <form className={styles.naming} onSubmit={submit}>
      <div className={styles.nameRow}>
        <Field label="Name the text as it is now" placeholder="Before the big change" required maxLength={200} autoComplete="off" value={name} error={fields.name} onChange={(event) => setName(event.target.value)} />
        <Button type="submit" busy={naming.isPending}>
          Keep version
        </Button>
      </div>
      <FormError>{naming.error && !fields.name ? explain(naming.error) : null}</FormError>
    </form>
  );
}
