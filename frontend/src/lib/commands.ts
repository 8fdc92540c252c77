import { useEffect, useRef } from 'react';
import { createStore } from './store';

/** An action that a person can take on the current page. */
export interface Command {
  id: string;
  /** Its name in the command palette. */
  label: string;
  /** Its group, if that is not the page; shown beside it. */
  group?: string;
  run: () => void;
}

const sources = new Set<{ current: () => readonly Command[] }>();

/** Offers commands in the palette while the component is mounted; `list` is called each time the palette opens. */
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

/** All current commands: those of the page's newest part first, groups last. */
export function commands(): Command[] {
  const all = [...sources].reverse().flatMap(({ current }) => current());
  return [...all.filter(({ group }) => group === undefined), ...all.filter(({ group }) => group !== undefined)];
}

/** Which of the two lists of commands is open. */
export const commandDialog = createStore<'palette' | 'shortcuts' | null>(null);
