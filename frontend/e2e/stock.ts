import { type ChildProcessByStdio, spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../server/tests/node', import.meta.url));
const PATIENCE_MS = 15_000;

interface Answer {
  id?: number;
  ok?: unknown;
  error?: string;
}

/** A replacement at an offset: how many units are removed, and what is inserted instead. */
export type Replacement = [at: number, length: number, text: string];

/** Someone on a page of another product: an unchanged y-websocket client in a separate process. */
export class Stock {
  private next = 1;
  private readonly waiting = new Map<number, (answer: Answer) => void>();

  private constructor(private readonly process: ChildProcessByStdio<Writable, Readable, null>) {
    readline.createInterface({ input: process.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      if (answer.id !== undefined) this.waiting.get(answer.id)?.(answer);
    });
  }

  static async join(url: string, doc: string, token: string): Promise<Stock> {
    const stock = new Stock(spawn('node', [path.join(FOLDER, 'client.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] }));
    await stock.ask('open', { url: `${url.replace('http', 'ws')}/socket`, doc, token });
    await stock.wait({ synced: true });
    return stock;
  }

  /** Replaces in this order, all in one transaction, and waits until the server has it. */
  async edit(...edits: Replacement[]) {
    await this.ask('many', { edits });
    await this.wait({ acknowledged: true });
  }

  text(): Promise<string> {
    return this.ask('text') as Promise<string>;
  }

  close() {
    this.process.kill();
  }

  private wait(wanted: Record<string, unknown>) {
    return this.ask('wait', { for: wanted, timeoutMs: PATIENCE_MS });
  }

  private async ask(verb: string, options: Record<string, unknown> = {}): Promise<unknown> {
    const id = this.next++;
    const { ok, error } = await new Promise<Answer>((resolve) => {
      this.waiting.set(id, resolve);
      this.process.stdin.write(`${JSON.stringify({ id, do: verb, client: 'stock', ...options })}\n`);
    });
    this.waiting.delete(id);
    if (error !== undefined) throw new Error(`${verb}: ${error}`);
    return ok;
  }
}
