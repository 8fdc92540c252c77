import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import type { Awareness } from 'y-protocols/awareness';
import * as sync from 'y-protocols/sync';
import { WebsocketProvider } from 'y-websocket';
import type { Doc } from 'yjs';
import { ApiError } from '@/lib/api/errors';
import type { Role } from '@/lib/api/types';
import { createStore, type Store } from '@/lib/store';
import { backoffMs } from './backoff';
import { Marks } from './marks';
import type { Conflict } from './reissue';
import { INITIAL, isFinal, type Phase, type Status } from './status';
import { decode, encodeMark, encodeToken, MESSAGE, SUBPROTOCOL } from './wire';

const SYNC = 0;
/** A lost connection shorter than this is not shown. */
const GRACE_MS = 3000;
/** A connection that does not answer a probe within this time is dead, even if the system calls it open. */
const PROBE_MS = 5000;
/** A ticket or an opening socket that takes longer is given up. */
const OPENING_MS = 10_000;
/** An attempt younger than this is as good as a new one. */
const FRESH_MS = 1500;
/** The interval at which typing causes an attempt, independent of the backoff. */
const TYPING_MS = 3000;
const TICKET_RETRY_MS = 30_000;
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface Ticket {
  ticket: string;
  role: Role;
}

export interface ConnectionConfig {
  id: string;
  doc: Doc;
  awareness: Awareness;
  /** The address of the socket without the document's id. */
  socketUrl: string;
  /** Requests a new ticket until `signal` aborts it; rejects with an `ApiError`. */
  requestTicket: (signal: AbortSignal) => Promise<Ticket>;
  /** The server has other edits at clocks of ours: this connection has ended, and the edits must be made again elsewhere. */
  onConflict: (conflict: Conflict | null) => void;
}

/**
 * Keeps one document up to date with the server over a stock y-websocket provider.
 * Owns when to connect and with which ticket, what each end of a connection means, and what counts as saved. The provider's own
 * reconnecting is switched off: it knows neither tickets nor jitter.
 */
export class Connection {
  readonly status: Store<Status>;

  private readonly state = createStore<Status>({ ...INITIAL, since: Date.now() });
  private readonly provider: WebsocketProvider;
  private readonly marks: Marks;
  private readonly stop = new AbortController();
  private readonly timers = { retry: 0, grace: 0, probe: 0, ticket: 0, opening: 0 };
  private attempt = 0;
  private requesting: AbortController | null = null;
  /** When the current attempt began, and when typing last caused one. */
  private began = 0;
  private typed = 0;
  private retriedAuth = false;
  private inConflict = false;
  private epoch: string | null = null;

  constructor(private readonly config: ConnectionConfig) {
    this.status = this.state;
    this.provider = new WebsocketProvider(config.socketUrl, config.id, config.doc, {
      awareness: config.awareness,
      connect: false,
      disableBc: true,
      protocols: [SUBPROTOCOL],
    });
    this.marks = new Marks(
      (n) => this.send(encodeMark(n)),
      () => this.update({ unsaved: this.marks.unsaved }),
    );
    this.listen();
    void this.connect();
  }

  /** Tries at once, independent of the backoff. */
  retryNow() {
    const isUnderWay = this.requesting !== null || this.provider.ws !== null;
    if (this.provider.wsconnected || isFinal(this.state.get().phase)) return;
    if (isUnderWay && Date.now() - this.began < FRESH_MS) return;
    this.abandon();
    this.attempt = 0;
    if (this.state.get().phase === 'signed-out') this.enter('connecting');
    void this.connect();
  }

  /** Sends the server a new ticket on the open connection, or reconnects with one. */
  async renew() {
    if (!this.provider.wsconnected) return this.retryNow();
    try {
      const { ticket } = await this.config.requestTicket(AbortSignal.timeout(OPENING_MS));
      this.send(encodeToken(ticket));
    } catch {
      // No longer signed in: the server reports it on the socket in time.
      this.later('ticket', TICKET_RETRY_MS, () => void this.renew());
    }
  }

  /** Ends permanently: the edits of this page are not accepted. */
  giveUp() {
    this.refuse(rejection('client_conflict'));
  }

  destroy() {
    this.stop.abort();
    this.requesting?.abort();
    for (const timer of Object.values(this.timers)) window.clearTimeout(timer);
    this.provider.destroy();
  }

  private isStopped(): boolean {
    return this.stop.signal.aborted;
  }

  private listen() {
    const { provider } = this;
    const { signal } = this.stop;
    // Registered after the provider's own listener: the mark must be sent after the update that it covers.
    const onUpdate = (_update: Uint8Array, origin: unknown) => {
      if (origin === provider) return;
      this.marks.edited();
      this.tryForTyping();
    };
    this.config.doc.on('update', onUpdate);
    signal.addEventListener('abort', () => this.config.doc.off('update', onUpdate));

    provider.on('connection-close', (event) => this.closed(event?.code ?? null));
    provider.on('status', ({ status }) => {
      if (status !== 'connected') return;
      window.clearTimeout(this.timers.opening);
      this.announce();
    });
    provider.on('sync', (synced) => {
      if (synced) this.synced();
    });
    this.watchSyncSteps();
    provider.messageHandlers[MESSAGE] = (_encoder, decoder) => this.receive(decoder);

    window.addEventListener('online', () => this.wake(), { signal });
    window.addEventListener('offline', () => this.probe(), { signal });
    window.addEventListener('pageshow', () => this.wake(), { signal });
    // A frozen page runs no timers: their work is done when it resumes.
    document.addEventListener('resume', () => this.wake(), { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.wake(), { signal });
  }

  private watchSyncSteps() {
    const { provider } = this;
    const handle = provider.messageHandlers[SYNC];
    if (!handle) throw new Error('y-websocket handles sync messages');
    provider.messageHandlers[SYNC] = (encoder, decoder, ...rest) => {
      const asked = decoding.peekVarUint(decoder) === sync.messageYjsSyncStep1;
      if (asked) this.marks.interrupted();
      handle(encoder, decoder, ...rest);
      if (!asked || provider.ws?.protocol !== SUBPROTOCOL) return;
      const answering = provider.ws;
      // The provider sends its answer when this handler has returned, but before any microtask.
      queueMicrotask(() => {
        if (provider.ws === answering) this.marks.sentEverything();
      });
    };
  }

  private async connect() {
    if (this.requesting !== null || this.isStopped() || this.inConflict || this.provider.ws !== null) return;
    window.clearTimeout(this.timers.retry);
    const request = new AbortController();
    this.requesting = request;
    this.began = Date.now();
    this.later('opening', OPENING_MS, () => this.tookTooLong());
    try {
      const { ticket, role } = await this.config.requestTicket(request.signal);
      if (this.requesting !== request) return;
      this.requesting = null;
      if (this.isStopped()) return;
      this.update({ role });
      this.provider.params = { token: ticket };
      this.provider.connect();
    } catch (error) {
      if (this.requesting !== request) return;
      this.requesting = null;
      window.clearTimeout(this.timers.opening);
      if (!this.isStopped()) this.refusedTicket(error);
    }
  }

  /** Ends the current attempt. */
  private abandon() {
    window.clearTimeout(this.timers.opening);
    const request = this.requesting;
    this.requesting = null;
    request?.abort();
    if (this.provider.ws !== null && !this.provider.wsconnected) this.provider.disconnect();
  }

  private tookTooLong() {
    // The end of a socket plans the next attempt itself.
    const isSocket = this.provider.ws !== null;
    this.abandon();
    if (!isSocket && !this.isStopped()) this.retryLater(null);
  }

  /** Someone who types without a connection needs one now. */
  private tryForTyping() {
    if (this.provider.wsconnected || Date.now() - this.typed < TYPING_MS) return;
    const { phase } = this.state.get();
    if (phase !== 'connecting' && phase !== 'offline') return;
    this.typed = Date.now();
    this.retryNow();
  }

  private refusedTicket(error: unknown) {
    const status = error instanceof ApiError ? error.status : 0;
    if (status === 401) this.enter('signed-out');
    else if (status === 403) this.enter('denied');
    else if (status === 404) this.enter(this.state.get().loaded ? 'denied' : 'gone');
    else this.retryLater(error instanceof ApiError ? error.retryAfter : null);
  }

  private closed(code: number | null) {
    // Emitted before the provider plans its own reconnect, which this prevents.
    this.provider.shouldConnect = false;
    this.marks.interrupted();
    window.clearTimeout(this.timers.probe);
    window.clearTimeout(this.timers.ticket);
    window.clearTimeout(this.timers.opening);
    if (this.isStopped() || this.inConflict) return;
    if (code === 4401) this.closedUnauthenticated();
    else if (code === 4403) this.enter('denied');
    else if (code === 4404) this.enter('gone');
    else if (code === 4409) this.conflict(null);
    else if (code !== null && code >= 4400 && code < 4500) this.refuse(closeReason(code));
    else this.retryLater(null);
  }

  private closedUnauthenticated() {
    if (this.retriedAuth) return this.enter('signed-out');
    this.retriedAuth = true;
    // The provider still holds the old socket while it reports its end.
    queueMicrotask(() => void this.connect());
  }

  private retryLater(atLeastSeconds: number | null) {
    const { loaded, phase } = this.state.get();
    if (isFinal(phase)) return;
    if (phase === 'live' || phase === 'signed-out') this.enter(loaded ? 'connecting' : 'loading');
    if (!this.timers.grace) this.later('grace', GRACE_MS, () => this.enter('offline'));
    const wait = Math.max(backoffMs(this.attempt), (atLeastSeconds ?? 0) * 1000);
    this.attempt += 1;
    this.later('retry', wait, () => void this.connect());
  }

  private synced() {
    this.attempt = 0;
    this.retriedAuth = false;
    this.update({ loaded: true });
    this.enter('live');
  }

  private receive(decoder: decoding.Decoder) {
    const message = decode(decoder);
    switch (message.kind) {
      case 'mark':
        return this.marks.echoed(message.n);
      case 'hello':
        this.update({ role: message.role });
        this.planRenewal(message.expiresAt);
        return this.checkEpoch(message.epoch);
      case 'role':
        return this.update({ role: message.role });
      case 'rejected':
        if (message.code !== 'client_conflict') return this.refuse(rejection(message.code));
        return this.conflict(message.client === null || message.clock === null ? null : { client: message.client, clock: message.clock });
      case 'token-accepted':
        return this.planRenewal(message.expiresAt);
      case 'unknown':
        return;
    }
  }

  // Two lineages of one document must never merge: after a restored backup, ours is only a copy.
  private checkEpoch(epoch: string | null) {
    if (this.epoch === null) this.epoch = epoch;
    else if (epoch !== this.epoch) this.refuse('The document was restored from a backup while you were away.');
  }

  private planRenewal(expiresAt: string | null) {
    const left = expiresAt === null ? NaN : Date.parse(expiresAt) - Date.now();
    if (Number.isNaN(left)) return;
    this.later('ticket', Math.min(Math.max(left * 0.8, PROBE_MS), TIMER_MAX_MS), () => void this.renew());
  }

  // Peers have seen our state end with the last connection; only a newer clock restores it.
  private announce() {
    const { awareness } = this.config;
    awareness.setLocalState(awareness.getLocalState());
  }

  private wake() {
    if (!this.provider.wsconnected) this.retryNow();
    else this.probe();
  }

  private probe() {
    const { provider } = this;
    if (!provider.wsconnected) return;
    const asked = Date.now();
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, SYNC);
    sync.writeSyncStep1(encoder, this.config.doc);
    this.send(encoding.toUint8Array(encoder));
    this.later('probe', PROBE_MS, () => {
      if (provider.wsLastMessageReceived < asked) provider.disconnect();
    });
  }

  private send(bytes: Uint8Array) {
    const { ws } = this.provider;
    if (ws?.readyState === WebSocket.OPEN) ws.send(bytes);
  }

  // Once: the server repeats it for each mark.
  private conflict(conflict: Conflict | null) {
    if (this.inConflict || isFinal(this.state.get().phase)) return;
    this.inConflict = true;
    this.marks.interrupted();
    // Further messages are about edits that are not ours: their deletions would hit our words.
    this.provider.messageHandlers[SYNC] = () => undefined;
    this.provider.disconnect();
    window.clearTimeout(this.timers.retry);
    this.config.onConflict(conflict);
  }

  private refuse(reason: string) {
    if (isFinal(this.state.get().phase)) return;
    this.update({ reason });
    this.enter('refused');
    this.provider.disconnect();
  }

  private enter(phase: Phase) {
    window.clearTimeout(this.timers.grace);
    this.timers.grace = 0;
    const now = this.state.get();
    if (now.phase === phase || isFinal(now.phase)) return;
    this.update({ phase, since: Date.now() });
    if (isFinal(phase)) window.clearTimeout(this.timers.retry);
  }

  private update(change: Partial<Status>) {
    const now = this.state.get();
    const differs = (Object.keys(change) as (keyof Status)[]).some((key) => change[key] !== now[key]);
    if (differs) this.state.set({ ...now, ...change });
  }

  private later(timer: keyof Connection['timers'], ms: number, run: () => void) {
    window.clearTimeout(this.timers[timer]);
    this.timers[timer] = window.setTimeout(run, ms);
  }
}

function rejection(code: string): string {
  switch (code) {
    case 'read_only':
      return 'You may only read this document now: your last changes were not accepted.';
    case 'document_too_large':
      return 'The document has reached the size that this server allows: your last changes were not accepted.';
    case 'update_too_large':
      return 'Your last change was larger than this server allows.';
    default:
      return 'The server did not accept your last changes.';
  }
}

function closeReason(code: number): string {
  switch (code) {
    case 4413:
      return 'The document or the last change is larger than this server allows.';
    case 4422:
      return 'This document cannot be opened: its stored data is damaged. Ask the operator of this server.';
    default:
      return 'The server could not understand what this page sent.';
  }
}
