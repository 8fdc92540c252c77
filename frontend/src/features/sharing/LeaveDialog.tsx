import { Confirm } from '@/components/Confirm';
import { toast } from '@/components/toasts';
import { explain } from '@/lib/api/errors';
import { useRevoke } from './useSharing';

interface LeaveDialogProps {
  documentId: string;
  title: string;
  /** The id of the person who leaves. */
  me: string;
  onClose: () => void;
  onLeft?: () => void;
}

/** Gives up one's own access to a document that continues to exist. */
export function LeaveDialog({ documentId, title, me, onClose, onLeft }: LeaveDialogProps) {
  const revoke = useRevoke(documentId);
  const done = () => {
    toast(`You have left “${title}”.`);
    onClose();
    onLeft?.();
  };
  return (
    <Confirm
      open
      title="Leave this document?"
      verb="Leave"
      busy={revoke.isPending}
      error={revoke.error && explain(revoke.error)}
      onConfirm={() => revoke.mutate(me, { onSuccess: done })}
      onClose={onClose}
    >
      “<bdi>{title}</bdi>” stays with the others and goes from your list. To come back you need a link, or someone who adds you again.
    </Confirm>
  );
}
