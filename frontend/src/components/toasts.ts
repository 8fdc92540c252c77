import { createStore, type Store } from '@/lib/store';

export interface Toast {
  id: number;
  tone: 'plain' | 'bad';
  text: string;
  action?: { name: string; run: () => void };
}

const SHOWN_MS = 6000;
const TOASTS_MAX = 3;
const list = createStore<readonly Toast[]>([]);
let last = 0;

export const toasts: Store<readonly Toast[]> = list;

/** Says something in passing. */
export function toast(text: string, options: Partial<Pick<Toast, 'tone' | 'action'>> = {}) {
  last += 1;
  const id = last;
  list.set([...list.get(), { id, tone: 'plain' as const, text, ...options }].slice(-TOASTS_MAX));
  setTimeout(() => dismissToast(id), SHOWN_MS);
}

export function dismissToast(id: number) {
  list.set(list.get().filter((each) => each.id !== id));
}
