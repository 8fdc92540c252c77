import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useEffect } from 'react';
import { RouterProvider } from 'react-router';
import { Toasts } from '@/components/Toasts';
import { TooltipArea } from '@/components/Tooltip';
import { keepSession } from '@/features/auth/keepSession';
import { ApiError } from '@/lib/api/errors';
import { useStore } from '@/lib/store';
import { pageTitle } from '@/lib/useTitle';
import { router } from './router';

const RETRIES = 2;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // An answer that says no says it again; only silence and a server in trouble are worth another try.
      retry: (count, error) => count < RETRIES && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
    },
  },
});

export function App() {
  const title = useStore(pageTitle);
  useEffect(() => keepSession(), []);
  return (
    <QueryClientProvider client={queries}>
      <TooltipArea>
        <RouterProvider router={router} />
        <Toasts />
        <p className="sr-only" aria-live="polite">
          {title}
        </p>
      </TooltipArea>
    </QueryClientProvider>
  );
}
