import type { ReactNode } from 'react';
import { Button } from './Button';
import { FormError } from './Field';
import { Modal, ModalActions } from './Modal';

interface ConfirmProps {
  open: boolean;
  title: string;
  /** What will happen. */
  children: ReactNode;
  /** The word on the button that does it. */
  verb: string;
  tone?: 'danger' | 'primary';
  busy?: boolean;
  error?: string | null;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something that concerns others, or that cannot be taken back. */
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
