import { Unlink } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useNavigate, useParams } from 'react-router';
import { Button } from '@/components/Button';
import { LinkButton } from '@/components/LinkButton';
import { Notice } from '@/components/Notice';
import { Spinner } from '@/components/Spinner';
import { useAcceptLink } from '@/features/sharing/useSharing';
import { ApiError, explain } from '@/lib/api/errors';
import { useTitle } from '@/lib/useTitle';
import styles from '../Page.module.css';

/** Accepts a share link and opens its document. */
export function JoinPage() {
  const { secret = '' } = useParams();
  const navigate = useNavigate();
  const { mutate, error } = useAcceptLink();
  const asked = useRef<string | null>(null);
  useTitle('Opening a shared document');

  const accept = () => mutate(secret, { onSuccess: ({ id }) => void navigate(`/d/${id}`, { replace: true }) });
  useEffect(() => {
    // Once per link, even if React runs the effect again.
    if (asked.current === secret) return;
    asked.current = secret;
    mutate(secret, { onSuccess: ({ id }) => void navigate(`/d/${id}`, { replace: true }) });
  }, [secret, mutate, navigate]);

  const dead = error instanceof ApiError && [403, 404, 410].includes(error.status);
  return (
    <div className={styles.inShell}>
      {error === null ? (
        <Notice level={1} art={<Spinner />} title="Opening the shared document…">
          One moment.
        </Notice>
      ) : (
        <Notice
          level={1}
          art={<Unlink size={44} strokeWidth={1.4} />}
          title={dead ? 'This link no longer works' : 'The link could not be opened'}
          actions={
            <>
              {!dead && (
                <Button tone="primary" onClick={accept}>
                  Try again
                </Button>
              )}
              <LinkButton to="/">Go to your documents</LinkButton>
            </>
          }
        >
          {dead ? 'It was revoked, or it has expired. Ask the person who sent it for a new one.' : explain(error)}
        </Notice>
      )}
    </div>
  );
}
