import { createStore, type Store } from '@/lib/store';

export interface Toast {
  id: number;
  tone: 'plain' | 'bad';
  text: string;
  /** A button of the toast, for one use. */
  action?: ToastAction;
}

export interface ToastAction {
  label: string;
  run: () => void;
}

const TOASTS_MAX = 3;
const list = createStore<readonly Toast[]>([]);
let last = 0;

export const toasts: Store<readonly Toast[]> = list;

/** Shows a toast; returns the function that dismisses it. The same text is shown again, not twice. */
export function toast(text: string, { tone = 'plain', action }: Partial<Pick<Toast, 'tone' | 'action'>> = {}): number {
  last += 1;
  const others = list.get().filter((each) => each.text !== text);
  list.set([...others, { id: last, tone, text, ...(action && { action }) }].slice(-TOASTS_MAX));
  return last;
}

export function dismissToast(id: number) {
  list.set(list.get().filter((each) => each.id !== id));
}
