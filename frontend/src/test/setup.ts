import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

// jsdom has neither; Monaco and the theme ask for them when they are loaded.
window.matchMedia ??= (query: string) =>
  Object.assign(new EventTarget(), {
    matches: false,
    media: query,
    onchange: null,
    addListener: () => undefined,
    removeListener: () => undefined,
  });
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
document.queryCommandSupported ??= () => false;

afterEach(cleanup);
