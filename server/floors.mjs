// Checks that the imports of the server run one way. Each line of FLOORS is a floor; a module imports only modules of
// floors below its own. Run as: node server/floors.mjs server/src
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** From the top down. A module is a file or folder of the source folder. */
const FLOORS = `
  main
  lib
  commands
  app
  ws
  http
  sweeper
  services
  health
  sockets
  room
  adoption transfer compaction
  storage installation
  auth limits
  snapshot log relay
  directory
  redis
  telemetry
  config
  private sqlite retention
  close digest long_work hex ids offset role tasks
`.trim().split('\n').map((line) => line.trim().split(' '));

const floorOf = new Map(FLOORS.flatMap((names, floor) => names.map((name) => [name, floor])));

/** The names at the top of an import tree, as `a` and `b` of `{a::c, b}`. */
function heads(text) {
  if (!text.startsWith('{')) return [/^\w*/.exec(text)[0]];
  const names = [];
  let depth = 0;
  let start = 1;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}') depth -= 1;
    if ((text[at] === ',' && depth === 1) || depth === 0) {
      names.push(/^\w*/.exec(text.slice(start, at).trim())[0]);
      start = at + 1;
    }
    if (depth === 0) return names;
  }
  throw new Error(`braces are not closed: ${text.slice(0, 40)}`);
}

/** The modules of the crate that a source file names, by import, by re-export or by full path. */
export function imported(source, depth) {
  const code = source.replace(/\/\/.*$/gm, '');
  const toRoot = new RegExp(String.raw`\bcrate::|(?<![\w:])(?:super::){${depth}}(?!super)`, 'g');
  const names = [...code.matchAll(toRoot)].flatMap((match) => heads(code.slice(match.index + match[0].length)));
  return new Set(names.filter((name) => floorOf.has(name)));
}

/** The problems of the imports of the files, given as pairs of path and source. */
export function problems(files) {
  return files.flatMap(([file, source]) => {
    const parts = file.replace(/\.rs$/, '').split('/');
    const [module] = parts;
    const own = floorOf.get(module);
    if (own === undefined) return [`${file}: the module ${module} has no floor in server/floors.mjs`];
    const upward = [...imported(source, parts.length)].filter((name) => name !== module && floorOf.get(name) <= own);
    return upward.map((name) => `${file}: imports ${name}, which is not on a floor below ${module}`);
  });
}

if (process.argv[1]?.endsWith('floors.mjs')) {
  const folder = process.argv[2] ?? 'server/src';
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.rs'));
  const found = problems(files.map((file) => [file.split(path.sep).join('/'), readFileSync(path.join(folder, file), 'utf8')]));
  found.forEach((problem) => console.error(problem));
  if (files.length === 0 || found.length > 0) process.exit(1);
}
