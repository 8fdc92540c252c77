import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

const nothing = () => undefined;

// jsdom has none of these; Monaco and the theme ask for them when they are loaded.
Object.assign(window, {
  matchMedia: (media: string) => Object.assign(new EventTarget(), { matches: false, media, addListener: nothing, removeListener: nothing }),
  ResizeObserver: class {
    observe = nothing;
    unobserve = nothing;
    disconnect = nothing;
  },
});
Object.assign(document, { queryCommandSupported: () => false });

afterEach(cleanup);
