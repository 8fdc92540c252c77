import { CircleAlert, FileQuestion, Lock, WifiOff } from 'lucide-react';
import { LinkButton } from '@/components/LinkButton';
import { Button } from '@/components/Button';
import { Notice } from '@/components/Notice';
import type { Phase } from '@/features/session/status';
import type { User } from '@/lib/api/types';
import { useTitle } from '@/lib/useTitle';
import { SignInAgain } from '../SignInAgain';
import { BarePage } from '../BarePage';
import { RetryButton } from './RetryButton';
import { useLeave } from '../useLeave';

interface DocumentUnavailableProps {
  phase: Exclude<Phase, 'loading' | 'connecting' | 'live'>;
  reason: string | null;
  me: User;
  onRetry: () => void;
}

/** Shown if the text of a document never arrived: why, and what can be done. */
export function DocumentUnavailable(props: DocumentUnavailableProps) {
  return (
    <BarePage>
      <Why {...props} />
    </BarePage>
  );
}

function Why({ phase, reason, me, onRetry }: DocumentUnavailableProps) {
  const { leave, question } = useLeave();
  const home = <LinkButton to="/">Go to your documents</LinkButton>;
  const ways = (
    <>
      {home}
      <Button tone="quiet" onClick={leave}>
        Use another account
      </Button>
      {question}
    </>
  );
  useTitle(TITLES[phase]);
  switch (phase) {
    case 'gone':
      return (
        <Notice level={1} art={<FileQuestion size={44} strokeWidth={1.4} />} title={TITLES.gone} actions={ways}>
          Either there is no such document, or it was not shared with <b>{me.email}</b>. Ask its owner to add you, or for a link.
        </Notice>
      );
    case 'denied':
      return (
        <Notice level={1} art={<Lock size={44} strokeWidth={1.4} />} title={TITLES.denied} actions={ways}>
          Ask its owner to add <b>{me.email}</b>, or for a link.
        </Notice>
      );
    case 'offline':
      return (
        <Notice
          level={1}
          art={<WifiOff size={44} strokeWidth={1.4} />}
          title={TITLES.offline}
          actions={
            <>
              <RetryButton tone="primary" onRetry={onRetry} />
              {home}
            </>
          }
        >
          CodeSync keeps trying and opens the document as soon as it can.
        </Notice>
      );
    case 'refused':
      return (
        <Notice level={1} art={<CircleAlert size={44} strokeWidth={1.4} />} title={TITLES.refused} actions={home}>
          {reason}
        </Notice>
      );
    case 'signed-out':
      return <SignInAgain me={me} />;
  }
}

const TITLES: Record<DocumentUnavailableProps['phase'], string> = {
  gone: 'You cannot open this document',
  denied: 'You have no access to this document',
  offline: 'The server cannot be reached',
  refused: 'The document could not be opened',
  'signed-out': 'Sign in again',
};
