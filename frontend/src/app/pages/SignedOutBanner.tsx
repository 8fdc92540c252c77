import { useState } from 'react';
import { Button } from '@/components/Button';
import type { User } from '@/lib/api/types';
import { classes } from '@/lib/classes';
import { SignInAgain } from '../SignInAgain';
import styles from './EditorPage.module.css';

interface SignedOutBannerProps {
  me: User;
  onDownload: () => void;
}

/** Shows that the login has ended, without taking the focus or a key: typing continues. */
export function SignedOutBanner({ me, onDownload }: SignedOutBannerProps) {
  const [asking, setAsking] = useState(false);
  return (
    <>
      <div className={classes(styles.banner, styles.warn)} role="status">
        <p>Your login has ended. What you write stays on this page, and is saved once you have signed in again: keep the tab open.</p>
        {/* The caret stays in the text, and goes back there when the dialog closes. */}
        <Button size="s" onMouseDown={(event) => event.preventDefault()} onClick={() => setAsking(true)}>
          Sign in again
        </Button>
        <Button size="s" onClick={onDownload}>
          Download a copy
        </Button>
      </div>
      {asking && <SignInAgain me={me} onDownload={onDownload} onClose={() => setAsking(false)} />}
    </>
  );
}
