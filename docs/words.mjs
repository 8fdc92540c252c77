// Checks comments and documents for words that a reader may have to read twice. A line that needs such a word ends with the
// mark `words: allow`. Run as: node docs/words.mjs
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const WORDS = /\b(hear|hears|heard|told|whoever|whatever|stood|stands|anew|meanwhile|is away|all else|so many|he|his)\b/i;
const ALLOWED = /words: allow/;
/** Comments by the kind of file; a document is a comment as a whole. */
const COMMENTS = [
  [/\.md$/, /^()(.*)$/],
  [/\.(rs|ts|tsx|mjs|js|css)$/, /^\s*(\/\/[/!]?|\/?\*+|\{\/\*)(?:\s+(.*))?$/],
  [/(\.(sh|tf|toml|yml|yaml|lua|sql)|Makefile|Dockerfile|\.ci\/[a-z]+)$/, /^\s*(#|--)\s?(.*)$/],
];

/** The lines of a file that have such a word, as `line: text`. */
export function problems(file, source) {
  const comment = COMMENTS.find(([kind]) => kind.test(file))?.[1];
  if (comment === undefined) return [];
  return source.split('\n').flatMap((line, index) => {
    const text = comment.exec(line)?.[2];
    return text !== undefined && WORDS.test(text) && !ALLOWED.test(line) ? [`${index + 1}: ${line.trim()}`] : [];
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const files = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n');
    // Applied migrations are never changed, not even their comments.
  const kept = files.filter((file) => !/(^|\/)(generated|fixtures|migrations)\/|package-lock|schema\.d\.ts/.test(file));
  const found = kept.flatMap((file) => problems(file, readFileSync(file, 'utf8')).map((problem) => `${file}:${problem}`));
  for (const line of found) console.error(line);
  if (found.length > 0) process.exit(1);
}
