import { X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { type ReactNode, useRef } from 'react';
import { classes } from '@/lib/classes';
import { IconButton } from './Button';
import styles from './Modal.module.css';

interface ModalProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  /** Its width on large screens. */
  size?: 's' | 'm' | 'l';
  /** Whether it can be closed; not if the page continues only through the dialog. */
  closable?: boolean;
  children: ReactNode;
}

/** A dialog over the page. The focus moves into it, stays inside, and returns afterwards. */
export function Modal({ open, onClose, title, description, size = 's', closable = true, children }: ModalProps) {
  const opener = useRef<HTMLElement | null>(null);
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && closable && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={styles.scrim}>
          <Dialog.Content className={classes(styles.modal, size === 'm' && styles.wide, size === 'l' && styles.wider)}
            onOpenAutoFocus={() => (opener.current = openerOf(document.activeElement))}
            onCloseAutoFocus={(event) => {
              // Radix would return the focus to a trigger of its own, and has none.
              event.preventDefault();
              // It comes a moment late: a focus that has moved on stays.
              if (document.activeElement === document.body) opener.current?.focus();
            }}
            onInteractOutside={(event) => {
              // A toast over the page is not the page.
              if (event.target instanceof Element && event.target.closest('[data-outside-dialogs]')) event.preventDefault();
            }}
            {...(description ? {} : { 'aria-describedby': undefined })}>
            <Dialog.Title className={styles.title}>{title}</Dialog.Title>
            {description && <Dialog.Description className={styles.description}>{description}</Dialog.Description>}
            {children}
            {/* Last, so that the first field takes the focus. */}
            {closable && (
              <Dialog.Close asChild>
                <IconButton label="Close" className={styles.close}>
                  <X size={18} aria-hidden />
                </IconButton>
              </Dialog.Close>
            )}
          </Dialog.Content>
        </Dialog.Overlay>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** The element to return the focus to. A menu is closed by then: its button is used instead. */
function openerOf(active: Element | null): HTMLElement | null {
  const button = active?.closest('[role=menu]')?.getAttribute('aria-labelledby');
  const opener = button ? document.getElementById(button) : active;
  return opener instanceof HTMLElement ? opener : null;
}

/** The row of buttons of a dialog; on a phone they stack. */
export function ModalActions({ children }: { children: ReactNode }) {
  return <div className={styles.actions}>{children}</div>;
}
