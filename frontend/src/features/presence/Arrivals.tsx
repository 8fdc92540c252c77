import { useEffect, useRef, useState } from 'react';
import type { Peer } from '@/lib/peer';

/** Joins and leaves within this time are announced together. */
const BATCH_MS = 1500;

/** Announces to screen readers who joins and leaves. */
export function Arrivals({ people }: { people: readonly Peer[] }) {
  const told = useRef<ReadonlyMap<string, string>>(new Map());
  const [message, setMessage] = useState('');
  useEffect(() => {
    const timer = window.setTimeout(() => {
      const now = new Map(people.map(({ userId, name }) => [userId, name]));
      const came = [...now].filter(([id]) => !told.current.has(id)).map(([, name]) => name);
      const went = [...told.current].filter(([id]) => !now.has(id)).map(([, name]) => name);
      told.current = now;
      const parts = [came.length > 0 && `${came.join(', ')} joined.`, went.length > 0 && `${went.join(', ')} left.`];
      if (came.length + went.length > 0) setMessage(parts.filter(Boolean).join(' '));
    }, BATCH_MS);
    return () => window.clearTimeout(timer);
  }, [people]);
  return (
    <p className="sr-only" aria-live="polite">
      {message}
    </p>
  );
}
