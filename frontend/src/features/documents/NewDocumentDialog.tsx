import { type SubmitEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { Field, FormError, Select } from '@/components/Field';
import { Modal, ModalActions } from '@/components/Modal';
import { ApiError, explain } from '@/lib/api/errors';
import { LANGUAGES, languageOfFile, PLAIN } from '@/lib/languages';
import styles from './Dialog.module.css';
import { useCreateDocument } from './useDocuments';

interface NewDocumentDialogProps {
  open: boolean;
  onClose: () => void;
  onCreated: (id: string) => void;
}

export function NewDocumentDialog({ open, onClose, onCreated }: NewDocumentDialogProps) {
  return (
    <Modal open={open} onClose={onClose} title="New document">
      <NewDocumentForm onClose={onClose} onCreated={onCreated} />
    </Modal>
  );
}

function NewDocumentForm({ onClose, onCreated }: Omit<NewDocumentDialogProps, 'open'>) {
  const [title, setTitle] = useState('');
  const [chosen, setChosen] = useState<string | null>(null);
  const create = useCreateDocument();
  const language = chosen ?? (title.includes('.') ? languageOfFile(title).id : PLAIN.id);
  const fields = create.error instanceof ApiError ? create.error.fields : {};

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    create.mutate({ title: title.trim() || 'Untitled', language }, { onSuccess: (document) => onCreated(document.id) });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <FormError>{create.error && !fields.title ? explain(create.error) : null}</FormError>
      <Field
        label="Name"
        name="title"
        placeholder="Untitled"
        hint="With an ending such as .rs or .py the language is set for you."
        maxLength={200}
        autoComplete="off"
        value={title}
        error={fields.title}
        onChange={(event) => setTitle(event.target.value)}
      />
      <Select label="Language" name="language" value={language} onChange={(event) => setChosen(event.target.value)}>
        {LANGUAGES.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </Select>
      <ModalActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" tone="primary" busy={create.isPending}>
          Create
        </Button>
      </ModalActions>
    </form>
  );
}
