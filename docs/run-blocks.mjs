// Runs the shell blocks of documents that are marked `runnable`, in order, in a new clone with an empty home folder. A block
// marked `runnable=server` starts the server; it runs until the last block of its document has ended.
// Run as: node docs/run-blocks.mjs README.md docs/self-hosting.md
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const READY_WITHIN_MS = 20 * 60_000;
const repository = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'codesync-docs-'));
const clone = path.join(folder, 'codesync');
const home = path.join(folder, 'home');
mkdirSync(home);

const port = await new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const address = `127.0.0.1:${port}`;

// The toolchain and the caches of packages are part of the machine; everything else of the user's home is out of reach.
const npmCache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim();
const env = {
  ...process.env,
  HOME: home,
  CARGO_HOME: process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo'),
  RUSTUP_HOME: process.env.RUSTUP_HOME ?? path.join(os.homedir(), '.rustup'),
  npm_config_cache: npmCache,
  CODESYNC_LISTEN: address,
  CODESYNC_HEALTHCHECK_URL: `http://${address}/api/health`,
};
// Those of the `make` that runs this.
for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL']) delete env[name];

function blocks(file) {
  const text = readFileSync(path.join(repository, file), 'utf8');
  const found = text.matchAll(/^```sh runnable(=server)?\n([^]*?)^```$/gm);
  return [...found].map(([, server, script]) => ({ isServer: server !== undefined, script }));
}

function start(script) {
  const isCloned = existsSync(clone);
  // All documents use the clone of the first.
  const cloned = isCloned ? script.replace(/^git clone.*$/m, '') : script.replace('<repository>', repository);
  const command = cloned.replaceAll('127.0.0.1:3000', address);
  const cwd = isCloned ? clone : folder;
  return spawn('bash', ['-euo', 'pipefail', '-c', command], { cwd, env, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function untilReady(server) {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await fetch(`http://${address}/api/health`).then((answer) => answer.ok, () => false))) {
    if (server.exitCode !== null) throw new Error('the server ended');
    if (Date.now() > deadline) throw new Error('the server is not ready');
    await delay(200);
  }
}

async function run(file) {
  let server;
  try {
    for (const { isServer, script } of blocks(file)) {
      console.log(`    ${file}: ${script.trim().split('\n').at(-1)}`);
      const child = start(script);
      if (isServer) {
        server = child;
        await untilReady(server);
      } else {
        const [code] = await once(child, 'exit');
        if (code !== 0) throw new Error(`${file}: exit code ${code} of\n${script}`);
      }
    }
  } finally {
    if (server?.exitCode === null) {
      const ended = once(server, 'exit');
      process.kill(-server.pid, 'SIGINT');
      await ended;
    }
  }
}

try {
  for (const file of process.argv.slice(2)) await run(file);
  console.log(`    ${process.argv.length - 2} documents work as written`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
