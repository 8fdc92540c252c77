import { QueryClientProvider } from '@tanstack/react-query';
import { useEffect } from 'react';
import { RouterProvider } from 'react-router';
import { Toasts } from '@/components/Toasts';
import { TooltipArea } from '@/components/Tooltip';
import { keepSession } from '@/features/auth/keepSession';
import { useStore } from '@/lib/store';
import { pageTitle } from '@/lib/useTitle';
import { CommandDialogs } from './CommandDialogs';
import { queries } from './queries';
import { router } from './router';

export function App() {
  const title = useStore(pageTitle);
  useEffect(() => keepSession(), []);
  return (
    <QueryClientProvider client={queries}>
      <TooltipArea>
        <RouterProvider router={router} />
        <CommandDialogs />
        <Toasts />
        <p className="sr-only" aria-live="polite">
          {title}
        </p>
      </TooltipArea>
    </QueryClientProvider>
  );
}
