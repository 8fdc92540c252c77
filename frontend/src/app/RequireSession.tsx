import type { ReactNode } from 'react';
import { Navigate, useLocation } from 'react-router';
import { useSession } from '@/features/auth/useAuth';

interface RequireSessionProps {
  /** Stay on the page when the session has ended: it may hold what is nowhere else. */
  keepExpired?: boolean;
  children: ReactNode;
}

/** Shows its children to people who are signed in, and to others the way in and back. */
export function RequireSession({ keepExpired = false, children }: RequireSessionProps) {
  const { state } = useSession();
  const { pathname, search } = useLocation();
  if (state === 'signed-in' || (state === 'expired' && keepExpired)) return children;
  return <Navigate to={`/login?${new URLSearchParams({ next: pathname + search }).toString()}`} replace />;
}

/** Where to go after signing in. Only paths of this site: a link must not send people elsewhere. */
export function nextPath(params: URLSearchParams): string {
  const next = params.get('next') ?? '/';
  return /^\/(?![/\\])/.test(next) ? next : '/';
}
