import { Check, CircleAlert, CloudOff } from 'lucide-react';
import { Spinner } from '@/components/Spinner';
import { classes } from '@/lib/classes';
import type { OpenDocument } from './openDocument';
import styles from './SaveState.module.css';
import type { Tone } from './saveWords';
import { useAnnounced, useSaveWords } from './useSaveWords';

/** The state of the document in a few words. */
export function SaveState({ open }: { open: OpenDocument }) {
  const words = useSaveWords(open);
  const announced = useAnnounced(words);
  return (
    <>
      {words && (
        <p className={classes(styles.state, styles[words.tone])} data-save-state={words.tone} title={words.text}>
          <Icon tone={words.tone} />
          <span className={styles.text}>{words.text}</span>
        </p>
      )}
      <p className="sr-only" role="status" aria-live={words?.urgent ? 'assertive' : 'polite'}>
        {announced}
      </p>
    </>
  );
}

function Icon({ tone }: { tone: Tone }) {
  switch (tone) {
    case 'ok':
      return <Check size={16} aria-hidden />;
    case 'busy':
      return <Spinner />;
    case 'warn':
      return <CloudOff size={16} aria-hidden />;
    case 'bad':
      return <CircleAlert size={16} aria-hidden />;
  }
}
