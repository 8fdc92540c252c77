import { type ComponentProps, useEffect, useState } from 'react';
import { Button } from '@/components/Button';

const SHOWN_MS = 1000;

/** Retries at once. A failed attempt changes nothing, so the button shows briefly that there was one. */
export function RetryButton({ onRetry, ...rest }: Pick<ComponentProps<typeof Button>, 'size' | 'tone'> & { onRetry: () => void }) {
  const [trying, setTrying] = useState(false);
  useEffect(() => {
    if (!trying) return;
    const timer = window.setTimeout(() => setTrying(false), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [trying]);
  const retry = () => {
    setTrying(true);
    onRetry();
  };
  return (
    <Button {...rest} busy={trying} onClick={retry}>
      Try now
    </Button>
  );
}
