import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '@/lib/api/errors';
import { currentSession, personId } from '@/lib/api/session';

const RETRIES = 2;

/** The cache of the server's answers. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal would be repeated; only a missing answer or an overloaded server is worth a retry.
      retry: (count, error) => count < RETRIES && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
    },
  },
});

// The next person must not see the answers for this one, in whichever tab they signed in.
let person = personId();
currentSession.subscribe(() => {
  const now = personId();
  if (now !== person) queries.clear();
  person = now;
});
