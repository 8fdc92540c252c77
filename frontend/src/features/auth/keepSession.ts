import { api, ask } from '@/lib/api/client';
import { currentSession, rereadSession, signedIn } from '@/lib/api/session';

/** A token is renewed when this much of its life is left: early enough to survive a night with the lid closed. */
const RENEW_BEFORE_MS = 6 * 3600_000;
const CHECK_MS = 60_000;
const LOCK = 'codesync.refresh';

/** Renews the token of the session while a page is open; returns the function that stops it. */
export function keepSession(): () => void {
  let renewing = false;
  const check = async () => {
    if (renewing || !isDue()) return;
    renewing = true;
    try {
      // One tab renews: the old token ends with it, so the others must take the new one.
      await navigator.locks.request(LOCK, async () => {
        rereadSession();
        if (isDue()) signedIn(await ask(api.POST('/api/auth/refresh')));
      });
    } catch {
      // The next check retries; a refused token has already been removed.
    } finally {
      renewing = false;
    }
  };
  const timer = window.setInterval(() => void check(), CHECK_MS);
  const onVisible = () => void (document.visibilityState === 'visible' && check());
  document.addEventListener('visibilitychange', onVisible);
  void check();
  return () => {
    window.clearInterval(timer);
    document.removeEventListener('visibilitychange', onVisible);
  };
}

function isDue(): boolean {
  const session = currentSession.get();
  return session.state === 'signed-in' && Date.parse(session.expiresAt) - Date.now() < RENEW_BEFORE_MS;
}
