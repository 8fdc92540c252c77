import { useEffect } from 'react';
import { createStore, type Store } from './store';

const PRODUCT = 'CodeSync';
const title = createStore('');

/** The title of the page; announced to screen readers when it changes. */
export const pageTitle: Store<string> = title;

export function useTitle(name: string) {
  useEffect(() => {
    document.title = name === PRODUCT ? PRODUCT : `${name} · ${PRODUCT}`;
    title.set(name);
  }, [name]);
}
