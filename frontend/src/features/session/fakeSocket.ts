import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import * as sync from 'y-protocols/sync';
import { Doc } from 'yjs';
import { MESSAGE, SUBPROTOCOL } from './wire';

/** The server's end of one socket, controlled by the test. */
export class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readonly OPEN = 1;
  readyState = 0;
  protocol = SUBPROTOCOL;
  binaryType = '';
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onmessage: ((event: { data: Uint8Array }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: Uint8Array[] = [];

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  send(bytes: Uint8Array) {
    this.sent.push(bytes);
  }

  close() {
    this.readyState = 3;
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  end(code: number) {
    this.readyState = 3;
    this.onclose?.({ code, reason: '' });
  }

  async receive(write: (encoder: encoding.Encoder) => void) {
    const encoder = encoding.createEncoder();
    write(encoder);
    this.onmessage?.({ data: encoding.toUint8Array(encoder) });
    await Promise.resolve();
  }

  /** The first messages of the server: hello, its step 1, the answer to ours. */
  async welcome({ role = 'editor', epoch = '1', doc = new Doc() } = {}) {
    this.open();
    await this.special(1, (encoder) => encoding.writeVarString(encoder, JSON.stringify({ role, epoch, expires_at: null })));
    await this.receive((encoder) => {
      encoding.writeVarUint(encoder, 0);
      sync.writeSyncStep1(encoder, doc);
    });
    await this.receive((encoder) => {
      encoding.writeVarUint(encoder, 0);
      sync.writeSyncStep2(encoder, doc);
    });
  }

  special(kind: number, body: (encoder: encoding.Encoder) => void) {
    return this.receive((encoder) => {
      encoding.writeVarUint(encoder, MESSAGE);
      encoding.writeVarUint(encoder, kind);
      body(encoder);
    });
  }

  echo(n: number) {
    return this.special(0, (encoder) => encoding.writeVarUint(encoder, n));
  }

  /** The kinds of sent messages: "step1", "step2", "update", "awareness", "mark 1". */
  get said(): string[] {
    return this.sent.map((bytes) => {
      const decoder = decoding.createDecoder(bytes);
      const type = decoding.readVarUint(decoder);
      if (type === 0) return ['step1', 'step2', 'update'][decoding.readVarUint(decoder)] ?? 'sync?';
      if (type !== MESSAGE) return 'awareness';
      const kind = decoding.readVarUint(decoder);
      return kind === 0 ? `mark ${decoding.readVarUint(decoder)}` : `special ${kind}`;
    });
  }
}
