// Fails the build if a page loads more JavaScript than its limit, or if a compressed file differs from its original. Run after `vite
// build`.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

const BUDGETS = [
  { page: 'dashboard', entry: 'index.html', without: [], bytes: 170_000 },
  { page: 'editor, beyond the dashboard', entry: 'src/app/pages/EditorPage.tsx', without: ['index.html'], bytes: 900_000 },
];

const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

/** The files that a page needs: its own and those that it imports statically. */
function files(entry, seen = new Set()) {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  for (const imported of manifest[entry].imports ?? []) files(imported, seen);
  return seen;
}

let failed = false;
for (const { page, entry, without, bytes } of BUDGETS) {
  const before = new Set(without.flatMap((other) => [...files(other)]));
  const own = [...files(entry)].filter((name) => !before.has(name));
  const size = own.reduce((sum, name) => sum + statSync(new URL(`${manifest[name].file}.gz`, dist)).size, 0);
  failed ||= size > bytes;
  console.log(`${page}: ${(size / 1000).toFixed(0)} kB of ${bytes / 1000} kB (JavaScript, gzip)`);
}

const DECOMPRESS = { br: brotliDecompressSync, gz: gunzipSync };
for (const name of readdirSync(dist, { recursive: true })) {
  const [, original, kind] = /^(.*)\.(br|gz)$/.exec(name) ?? [];
  if (kind === undefined) continue;
  const read = (path) => readFileSync(new URL(path, dist));
  if (DECOMPRESS[kind](read(name)).equals(read(original))) continue;
  console.error(`${name} is not ${original}`);
  failed = true;
}
if (failed) process.exit(1);
