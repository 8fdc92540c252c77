import type { ReactNode } from 'react';
import { Button } from './Button';
import { FormError } from './Field';
import { Modal, ModalActions } from './Modal';

interface ConfirmProps {
  open: boolean;
  title: string;
  /** The consequences. */
  children: ReactNode;
  /** The label of the confirming button. */
  verb: string;
  tone?: 'danger' | 'primary';
  busy?: boolean;
  error?: string | null;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before an action that affects others, or that cannot be undone. */
export function Confirm({ open, title, children, verb, tone = 'danger', busy = false, error = null, onConfirm, onClose }: ConfirmProps) {
  return (
    <Modal open={open} onClose={onClose} title={title} description={children}>
      <FormError>{error}</FormError>
      <ModalActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button tone={tone} busy={busy} onClick={onConfirm}>
          {verb}
        </Button>
      </ModalActions>
    </Modal>
  );
}
