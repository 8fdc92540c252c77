import { Fragment, type ReactNode } from 'react';
import { Navigate, useLocation } from 'react-router';
import { useSession } from '@/features/auth/useAuth';

interface RequireSessionProps {
  /** Stay on the page when the session has ended: it may hold unsaved text. */
  keepExpired?: boolean;
  children: ReactNode;
}

/** Shows its children to people who are signed in, and to others the sign-in page with a way back. */
export function RequireSession({ keepExpired = false, children }: RequireSessionProps) {
  const session = useSession();
  const { pathname, search } = useLocation();
  if (session.state === 'signed-in' || (session.state === 'expired' && keepExpired)) {
    // Another person gets a new page: this one holds the previous person's data.
    return <Fragment key={session.user.id}>{children}</Fragment>;
  }
  return <Navigate to={`/login?${new URLSearchParams({ next: pathname + search }).toString()}`} replace />;
}

/** The page after signing in. Only paths of this site: a link must not send people elsewhere. */
export function nextPath(params: URLSearchParams): string {
  const next = params.get('next') ?? '/';
  return /^\/(?![/\\])/.test(next) ? next : '/';
}

/** Whether that path opens a document, for someone who may not know CodeSync. */
export function ofDocument(path: string): boolean {
  return /^\/(d|join)\//.test(path);
}
