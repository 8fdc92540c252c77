import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { Field, FormError } from '@/components/Field';
import { Modal, ModalActions } from '@/components/Modal';
import { ApiError, explain } from '@/lib/api/errors';
import type { Document } from '@/lib/api/types';
import styles from './Dialog.module.css';
import { useUpdateDocument } from './useDocuments';

export function RenameDialog({ document, onClose }: { document: Document; onClose: () => void }) {
  const [title, setTitle] = useState(document.title);
  const update = useUpdateDocument(document.id);
  const fields = update.error instanceof ApiError ? update.error.fields : {};

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    update.mutate({ title: title.trim() }, { onSuccess: onClose });
  };
  return (
    <Modal open onClose={onClose} title="Rename document">
      <form className={styles.form} onSubmit={submit}>
        <FormError>{update.error && !fields.title ? explain(update.error) : null}</FormError>
        <Field label="Name" required maxLength={200} autoComplete="off" value={title} error={fields.title} onChange={(event) => setTitle(event.target.value)} />
        <ModalActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone="primary" busy={update.isPending}>
            Rename
          </Button>
        </ModalActions>
      </form>
    </Modal>
  );
}
