import react from '@vitejs/plugin-react';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { precompress } from './scripts/precompress.ts';

const server = process.env.CODESYNC_URL ?? 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [react(), precompress()],
  resolve: {
    alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) },
    // A second copy of yjs breaks `instanceof` without an error.
    dedupe: ['yjs', 'lib0', 'y-protocols'],
  },
  // Nothing inlined: the page's policy allows fonts and pictures from files only.
  build: { manifest: true, assetsInlineLimit: 0, chunkSizeWarningLimit: 4000 },
  server: { proxy: { '/api': server, '/socket': { target: server, ws: true } } },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test/setup.ts'],
    server: { deps: { inline: [/monaco-editor/] } },
    css: true,
    testTimeout: 20_000,
  },
});
