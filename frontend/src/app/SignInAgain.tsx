import { Modal } from '@/components/Modal';
import { SignInForm } from '@/features/auth/SignInForm';
import type { User } from '@/lib/api/types';

/** Asks for the password over the page, so that nothing on it is lost. */
export function SignInAgain({ me }: { me: User }) {
  return (
    <Modal open closable={false} onClose={() => undefined} title="Sign in again" description="Your session has ended. The page stays as it is; sign in and it goes on from here.">
      <SignInForm onlyEmail={me.email} />
    </Modal>
  );
}
