import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

const nothing = () => undefined;

// jsdom lacks these; Monaco and the theme need them at load.
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
