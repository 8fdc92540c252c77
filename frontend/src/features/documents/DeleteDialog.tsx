import { Confirm } from '@/components/Confirm';
import { toast } from '@/components/toasts';
import { explain } from '@/lib/api/errors';
import type { Document } from '@/lib/api/types';
import { useDeleteDocument } from './useDocuments';

interface DeleteDialogProps {
  document: Document;
  onClose: () => void;
  onDeleted?: () => void;
}

export function DeleteDialog({ document, onClose, onDeleted }: DeleteDialogProps) {
  const remove = useDeleteDocument(document.id);
  const done = () => {
    toast(`“${document.title}” deleted.`);
    onClose();
    onDeleted?.();
  };
  return (
    <Confirm
      open
      title="Delete this document?"
      verb="Delete"
      busy={remove.isPending}
      error={remove.error && explain(remove.error)}
      onConfirm={() => remove.mutate(undefined, { onSuccess: done })}
      onClose={onClose}
    >
      “<bdi>{document.title}</bdi>” goes away for everyone who has access. This cannot be undone.
    </Confirm>
  );
}
