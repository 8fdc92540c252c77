import { useParams } from 'react-router';
import { useMe, useSession } from '@/features/auth/useAuth';
import { useDocumentInfo } from '@/features/documents/useDocuments';
import type { OpenDocument } from '@/features/session/openDocument';
import { INITIAL, type Status } from '@/features/session/status';
import { useDocument } from '@/features/session/useDocument';
import type { User } from '@/lib/api/types';
import { type Store, useStore } from '@/lib/store';
import { RequireSession } from '../RequireSession';
import { DocumentUnavailable } from './DocumentUnavailable';
import { EditorLoading } from './EditorLoading';
import { EditorWorkspace } from './EditorWorkspace';

export function EditorPage() {
  const { id = '' } = useParams();
  return (
    <RequireSession keepExpired>
      <Editor key={id} id={id} />
    </RequireSession>
  );
}

const NOT_YET: Store<Status> = { get: () => INITIAL, subscribe: () => () => undefined };

function Editor({ id }: { id: string }) {
  const me = useMe();
  const open = useDocument(id);
  const info = useDocumentInfo(id);
  const status = useStore(open?.status ?? NOT_YET);
  const session = useSession();
  if (me === null || open === null) return <EditorLoading />;
  if (!status.loaded) return <Waiting open={open} status={status} me={me} />;
  // The text has arrived; its name and language may still be loading, or unavailable. A call may learn that the login has ended before the
  // socket does.
  const signedOut = status.phase === 'signed-out' || session.state === 'expired';
  return <EditorWorkspace open={open} status={status} info={info.data ?? null} me={me} signedOut={signedOut} />;
}

function Waiting({ open, status: { phase, reason }, me }: { open: OpenDocument; status: Status; me: User }) {
  return phase === 'loading' || phase === 'connecting' || phase === 'live' ? (
    <EditorLoading />
  ) : (
    <DocumentUnavailable phase={phase} reason={reason} me={me} onRetry={open.retry} />
  );
}
