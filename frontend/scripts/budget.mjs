// Fails the build when a page costs its visitors more JavaScript than was agreed on. Run after `vite build`.
import { readFileSync, statSync } from 'node:fs';

const BUDGETS = [
  { page: 'dashboard', entry: 'index.html', without: [], bytes: 170_000 },
  { page: 'editor, beyond the dashboard', entry: 'src/app/pages/EditorPage.tsx', without: ['index.html'], bytes: 900_000 },
];

const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

/** The files that a page cannot do without: its own and those that it imports at once. */
function files(entry, seen = new Set()) {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  for (const imported of manifest[entry].imports ?? []) files(imported, seen);
  return seen;
}

let over = false;
for (const { page, entry, without, bytes } of BUDGETS) {
  const before = new Set(without.flatMap((other) => [...files(other)]));
  const own = [...files(entry)].filter((name) => !before.has(name));
  const size = own.reduce((sum, name) => sum + statSync(new URL(`${manifest[name].file}.gz`, dist)).size, 0);
  over ||= size > bytes;
  console.log(`${page}: ${(size / 1000).toFixed(0)} kB of ${bytes / 1000} kB (JavaScript, gzip)`);
}
if (over) process.exit(1);
