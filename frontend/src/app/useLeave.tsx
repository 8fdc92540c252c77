import { type ReactNode, useState } from 'react';
import { Confirm } from '@/components/Confirm';
import { useSignOut } from '@/features/auth/useAuth';
import { unsavedDocuments } from '@/features/session/unsaved';

/** Signs out. If that would lose something it asks first, in `question`, which must be rendered. */
export function useLeave(): { leave: () => void; question: ReactNode } {
  const signOut = useSignOut();
  const [asking, setAsking] = useState(false);
  const leave = () => (unsavedDocuments.get().length > 0 ? setAsking(true) : signOut.mutate());
  const question = (
    <Confirm open={asking} title="Sign out with unsaved changes?" verb="Sign out" busy={signOut.isPending} onConfirm={() => signOut.mutate()} onClose={() => setAsking(false)}>
      Some of what you wrote has not reached the server. If you sign out now, it is lost.
    </Confirm>
  );
  return { leave, question };
}
