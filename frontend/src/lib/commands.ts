import { useEffect, useRef } from 'react';
import { createStore } from './store';

/** Something that a person can do on the page as it is now. */
export interface Command {
  id: string;
  /** What the command palette calls it. */
  label: string;
  /** What it belongs to where that is not the page; shown beside it. */
  group?: string;
  run: () => void;
}

const sources = new Set<{ current: () => readonly Command[] }>();

/** Offers commands in the palette while the component is mounted; `list` is asked each time the palette opens. */
export function useCommands(list: () => readonly Command[]) {
  const latest = useRef(list);
  useEffect(() => {
    latest.current = list;
  });
  useEffect(() => {
    sources.add(latest);
    return () => void sources.delete(latest);
  }, []);
}

/** All that can be done now: what came with the page's latest part first, groups last. */
export function commands(): Command[] {
  const all = [...sources].reverse().flatMap(({ current }) => current());
  return [...all.filter(({ group }) => group === undefined), ...all.filter(({ group }) => group !== undefined)];
}

/** Which of the two lists of what the product can do is open. */
export const commandDialog = createStore<'palette' | 'shortcuts' | null>(null);
