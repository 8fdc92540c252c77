import { Button } from '@/components/Button';
import { NO_ACCESS } from '@/features/session/saveWords';
import type { Status } from '@/features/session/status';
import { classes } from '@/lib/classes';
import styles from './EditorPage.module.css';
import { RetryButton } from './RetryButton';

interface EditorBannerProps {
  status: Status;
  onRetry: () => void;
  onDownload: () => void;
}

/** Below the header: what prevents editing together right now, and what to do about it. */
export function EditorBanner({ status: { phase, reason, localSafe, role }, onRetry, onDownload }: EditorBannerProps) {
  const download = (
    <Button size="s" onClick={onDownload}>
      Download a copy
    </Button>
  );
  switch (phase) {
    case 'offline':
      return (
        <div className={classes(styles.banner, styles.warn)}>
          <p>The server cannot be reached. {whereChangesAre(role, localSafe)} Trying again by itself.</p>
          <RetryButton size="s" onRetry={onRetry} />
        </div>
      );
    case 'denied':
    case 'gone':
      return (
        <div className={classes(styles.banner, styles.bad)}>
          <p>{phase === 'gone' ? 'This document was deleted. Below is the text as you last had it.' : `${NO_ACCESS.split('. ')[0] ?? ''}. Below is the text as you last had it.`}</p>
          {download}
        </div>
      );
    case 'refused':
      return (
        <div className={classes(styles.banner, styles.bad)}>
          <p>{reason} Download a copy of what you see, then load the document again.</p>
          {download}
          <Button size="s" onClick={() => window.location.reload()}>
            Load again
          </Button>
        </div>
      );
    case 'loading':
    case 'live':
    case 'connecting':
    case 'signed-out':
      return null;
  }
}

function whereChangesAre(role: Status['role'], localSafe: boolean): string {
  if (role === 'viewer') return 'This may not be the latest text.';
  return localSafe ? 'Changes are kept on this device.' : 'Changes stay on this page until it is back: keep the tab open.';
}
