import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';

const BINARY = process.env.CODESYNC_BIN ?? fileURLToPath(new URL('../../target/release/codesync', import.meta.url));
const READY_MS = 30_000;
const POLL_MS = 50;

/** The real server on a free port, with a data folder of its own. */
export class Server {
  private process: ChildProcess | null = null;
  private log = '';

  private constructor(
    readonly port: number,
    private readonly data: string,
  ) {}

  static async start(): Promise<Server> {
    const server = new Server(await freePort(), await mkdtemp(path.join(os.tmpdir(), 'codesync-e2e-')));
    await server.run();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The path of the setup link, from the log. */
  get setupPath(): string {
    return /\/setup\/\S+/.exec(this.log)?.[0] ?? '';
  }

  /** A link to a new password, as an administrator makes it. */
  async passwordReset(email: string): Promise<{ secret: string }> {
    const admin = { email: `admin-${crypto.randomUUID()}@example.org`, password: 'correct horse battery' };
    const env = { ...process.env, CODESYNC_DATA_DIR: this.data, CODESYNC_ADMIN_PASSWORD: admin.password };
    const child = spawn(BINARY, ['admin', 'create-user', '--email', admin.email, '--name', 'Admin'], { env, stdio: 'ignore' });
    await once(child, 'exit');
    const { token } = await this.json<{ token: string }>('POST', '/auth/login', admin);
    const { items } = await this.json<{ items: { id: string }[] }>('GET', `/admin/users?query=${encodeURIComponent(email)}`, undefined, token);
    return this.json('POST', `/admin/users/${items[0]?.id ?? ''}/password-reset`, {}, token);
  }

  private async json<T>(method: string, path: string, body?: unknown, token = ''): Promise<T> {
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const response = await fetch(`${this.url}/api${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Starts it, again after a `kill`, on the same port and data. */
  async run() {
    const env = {
      ...process.env,
      CODESYNC_LISTEN: `127.0.0.1:${this.port}`,
      CODESYNC_DATA_DIR: this.data,
      CODESYNC_RATE_LIMITS: 'off',
    };
    const child = spawn(BINARY, ['serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    this.process = child;
    const deadline = Date.now() + READY_MS;
    while (!(await this.isReady())) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the server did not start:\n${this.log}`);
      await delay(POLL_MS);
    }
  }

  /** `kill -9`: no goodbye, no flush. */
  async kill() {
    const { process: child } = this;
    if (child === null) return;
    this.process = null;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async destroy() {
    await this.kill();
    await rm(this.data, { recursive: true, force: true });
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/health`)).ok;
    } catch {
      return false;
    }
  }
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
