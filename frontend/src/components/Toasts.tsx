import { X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { classes } from '@/lib/classes';
import { useStore } from '@/lib/store';
import { Button, IconButton } from './Button';
import styles from './Toasts.module.css';
import { dismissToast, type Toast, toasts } from './toasts';

const SHOWN_MS = { plain: 6000, bad: 15_000 } as const;
/** Long enough to see an action, and to undo it. */
const ACTION_MS = 20_000;

export function Toasts() {
  const list = useStore(toasts);
  return (
    <section className={styles.toasts} aria-label="Messages" aria-live="polite" data-outside-dialogs>
      {list.map((toast) => (
        <Message key={toast.id} toast={toast} />
      ))}
    </section>
  );
}

/** Disappears automatically, but not from under a pointer or the focus. */
function Message({ toast: { id, tone, text, action } }: { toast: Toast }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return;
    const timer = window.setTimeout(() => dismissToast(id), action ? ACTION_MS : SHOWN_MS[tone]);
    return () => window.clearTimeout(timer);
  }, [held, id, tone, action]);
  const hold = () => setHeld(true);
  const release = () => setHeld(false);
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- it only waits while someone is at it
    <div className={classes(styles.toast, tone === 'bad' && styles.bad)} onPointerEnter={hold} onPointerLeave={release} onFocus={hold} onBlur={release}>
      <p>{text}</p>
      {action && (
        <Button
          size="s"
          onClick={() => {
            dismissToast(id);
            action.run();
          }}
        >
          {action.label}
        </Button>
      )}
      <IconButton label="Dismiss" className={styles.dismiss} onClick={() => dismissToast(id)}>
        <X size={15} aria-hidden />
      </IconButton>
    </div>
  );
}
