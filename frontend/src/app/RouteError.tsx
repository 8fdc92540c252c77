import { CircleAlert, RotateCw } from 'lucide-react';
import { isRouteErrorResponse, useRouteError } from 'react-router';
import { Button } from '@/components/Button';
import { Notice } from '@/components/Notice';
import { useTitle } from '@/lib/useTitle';
import { NotFoundPage } from './pages/NotFoundPage';
import { BarePage } from './BarePage';

/** The page after an error of another page. */
export function RouteError() {
  const error = useRouteError();
  useTitle('Something went wrong');
  if (isRouteErrorResponse(error) && error.status === 404) return <NotFoundPage />;
  return (
    <BarePage>
      <Notice
        level={1}
        art={<CircleAlert size={44} strokeWidth={1.4} />}
        title="This page stopped working"
        actions={
          <>
            <Button tone="primary" onClick={() => window.location.reload()}>
              <RotateCw size={16} aria-hidden />
              Load it again
            </Button>
            <Button onClick={() => window.location.assign('/')}>Go to your documents</Button>
          </>
        }
      >
        What had been saved is safe on the server. Perhaps the connection was lost, or a new version of CodeSync arrived while the page was open.
      </Notice>
    </BarePage>
  );
}
