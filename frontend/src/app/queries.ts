import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '@/lib/api/errors';
import { currentSession, personId } from '@/lib/api/session';

const RETRIES = 2;

/** What the server has answered lately. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // An answer that says no says it again; only silence and a server in trouble are worth another try.
      retry: (count, error) => count < RETRIES && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
    },
  },
});

// One person's answers are not for the next one's eyes, in whichever tab they signed in.
let person = personId();
currentSession.subscribe(() => {
  const now = personId();
  if (now !== person) queries.clear();
  person = now;
});
