import { X } from 'lucide-react';
import { classes } from '@/lib/classes';
import { useStore } from '@/lib/store';
import { Button, IconButton } from './Button';
import styles from './Toasts.module.css';
import { dismissToast, toasts } from './toasts';

export function Toasts() {
  const list = useStore(toasts);
  return (
    <section className={styles.toasts} aria-label="Messages" aria-live="polite">
      {list.map(({ id, tone, text, action }) => (
        <div key={id} className={classes(styles.toast, tone === 'bad' && styles.bad)}>
          <p>{text}</p>
          {action && (
            <Button
              size="s"
              onClick={() => {
                action.run();
                dismissToast(id);
              }}
            >
              {action.name}
            </Button>
          )}
          <IconButton label="Dismiss" className={styles.dismiss} onClick={() => dismissToast(id)}>
            <X size={15} aria-hidden />
          </IconButton>
        </div>
      ))}
    </section>
  );
}
