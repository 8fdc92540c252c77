import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { Field, FormError } from '@/components/Field';
import { Modal, ModalActions } from '@/components/Modal';
import { ApiError, explain } from '@/lib/api/errors';
import type { Version } from '@/lib/api/types';
import styles from './History.module.css';
import { useRenameVersion } from './useVersions';

interface RenameVersionProps {
  documentId: string;
  version: Version;
  onClose: () => void;
}

export function RenameVersion({ documentId, version, onClose }: RenameVersionProps) {
  const [name, setName] = useState(version.name ?? '');
  const rename = useRenameVersion(documentId);
  const fields = rename.error instanceof ApiError ? rename.error.fields : {};
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    rename.mutate({ versionId: version.id, name: name.trim() }, { onSuccess: onClose });
  };
  return (
    <Modal open onClose={onClose} title={version.name === null ? 'Name this version' : 'Rename this version'}>
      <form className={styles.naming} onSubmit={submit}>
        <Field label="Name" required maxLength={200} autoComplete="off" value={name} error={fields.name} onChange={(event) => setName(event.target.value)} />
        <FormError>{rename.error && !fields.name ? explain(rename.error) : null}</FormError>
        <ModalActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone="primary" busy={rename.isPending}>
            {version.name === null ? 'Name' : 'Rename'}
          </Button>
        </ModalActions>
      </form>
    </Modal>
  );
}
