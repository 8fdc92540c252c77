import { Button } from '@/components/Button';
import { Modal } from '@/components/Modal';
import { SignInForm } from '@/features/auth/SignInForm';
import type { User } from '@/lib/api/types';
import styles from './Page.module.css';
import { useLeave } from './useLeave';

interface SignInAgainProps {
  me: User;
  /** Downloads the text of the page without a password. */
  onDownload?: () => void;
  /** Closes the dialog, if the page can be used without signing in. */
  onClose?: () => void;
}

/** Asks for the password over the page, so that nothing on it is lost. */
export function SignInAgain({ me, onDownload, onClose }: SignInAgainProps) {
  const { leave, question } = useLeave();
  return (
    <Modal
      open
      closable={onClose !== undefined}
      onClose={() => onClose?.()}
      title="Sign in again"
      description={
        <>
          The session of <b>{me.email}</b> has ended. {onDownload && 'What you wrote is still on this page, and goes on from where it was.'}
        </>
      }
    >
      <SignInForm onlyEmail={me.email} />
      <div className={styles.otherWays}>
        {onDownload && (
          <Button tone="quiet" size="s" onClick={onDownload}>
            Download a copy
          </Button>
        )}
        <Button tone="quiet" size="s" onClick={leave}>
          Use another account
        </Button>
      </div>
      {question}
    </Modal>
  );
}
