import { Awareness } from 'y-protocols/awareness';
import { applyUpdate, Doc, type Text } from 'yjs';
import { createStore, type Store } from '@/lib/store';
import { Connection, type ConnectionConfig } from './connection';
import { type Conflict, Reissue } from './reissue';
import { INITIAL, type Status } from './status';

/** The root type that holds the text. */
const ROOT = 'content';
/** More conflicts than this about our own client ids within `CONFLICTS_MS` are no accident. */
const CONFLICTS_MAX = 5;
const CONFLICTS_MS = 60_000;
/** How long a displaced Y.Doc passes on what is still typed into it. */
const HANDOVER_MS = 1000;

interface Shared {
  readonly doc: Doc;
  readonly text: Text;
  readonly awareness: Awareness;
}

interface Part extends Shared {
  readonly connection: Connection;
  /** The client ids under which this page wrote. */
  readonly clients: Set<number>;
}

/**
 * A document's Y.Doc and its connection. If another author's edits hold the clocks of ours, a new Y.Doc replaces it, in which our edits are
 * made again. Until it has loaded the old one stays, and everything typed into it is transferred.
 */
export class Replica {
  readonly status: Store<Status>;

  private readonly state = createStore<Status>({ ...INITIAL, since: Date.now() });
  private part: Part;
  private next: Part | null = null;
  private place: Conflict | null = null;
  private conflicts: number[] = [];
  private readonly old = new Set<Part>();

  constructor(
    private readonly config: Pick<ConnectionConfig, 'id' | 'socketUrl' | 'requestTicket'>,
    /** Called when `shared` was replaced. */
    private readonly replaced: () => void,
  ) {
    this.status = this.state;
    this.part = this.open();
  }

  get shared(): Shared {
    return this.part;
  }

  get connection(): Connection {
    return (this.next ?? this.part).connection;
  }

  destroy() {
    for (const part of [this.part, this.next, ...this.old]) if (part !== null) destroy(part);
  }

  private open(): Part {
    const doc = new Doc({ gc: true });
    const awareness = new Awareness(doc);
    const connection = new Connection({ ...this.config, doc, awareness, onConflict: (conflict) => this.conflicted(part, conflict) });
    const clients = new Set<number>();
    doc.on('update', (_update: Uint8Array, _origin: unknown, _doc: Doc, { local }) => {
      if (local) clients.add(doc.clientID);
    });
    const part: Part = { doc, text: doc.getText(ROOT), awareness, connection, clients };
    connection.status.subscribe(() => this.note());
    return part;
  }

  private note() {
    const now = this.connection.status.get();
    if (this.next === null) return this.state.set(now);
    const { role, since } = this.state.get();
    const phase = now.phase === 'loading' || now.phase === 'live' ? 'connecting' : now.phase;
    // The page shows what the server does not have, until the new Y.Doc has it too.
    const unsaved = Math.max(1, this.part.connection.status.get().unsaved);
    this.state.set({ ...now, phase, since, role: now.role ?? role, loaded: true, unsaved });
  }

  private conflicted(part: Part, conflict: Conflict | null) {
    const now = Date.now();
    const isOurs = conflict === null || conflict.client === part.doc.clientID || part.clients.has(conflict.client);
    this.conflicts = this.conflicts.filter((at) => at > now - CONFLICTS_MS);
    if (isOurs) this.conflicts.push(now);
    if (this.conflicts.length > CONFLICTS_MAX) return part.connection.giveUp();
    if (this.next === null) this.place = conflict;
    else destroy(this.next);
    const next = this.open();
    this.next = next;
    this.note();
    const unsubscribe = next.connection.status.subscribe(() => {
      const { loaded } = next.connection.status.get();
      if (!loaded && this.next === next) return;
      unsubscribe();
      if (this.next === next) this.take(next);
    });
  }

  /** The new Y.Doc has everything that the server has. */
  private take(next: Part) {
    const lost = this.part;
    const again = new Reissue(lost.doc, new Set([...lost.clients, lost.doc.clientID]), this.place, next.doc, ROOT);
    for (const client of again.clients()) next.clients.add(client);
    applyUpdate(next.doc, again.all(), this);
    lost.doc.on('update', (update: Uint8Array) => applyUpdate(next.doc, again.again(update), this));
    const shown = lost.awareness.getLocalState();
    lost.connection.destroy();
    lost.awareness.setLocalState(null);
    next.awareness.setLocalState(shown === null ? null : { ...shown, selection: null, selections: [] });
    [this.part, this.next] = [next, null];
    this.old.add(lost);
    window.setTimeout(() => {
      this.old.delete(lost);
      destroy(lost);
    }, HANDOVER_MS);
    this.note();
    this.replaced();
  }
}

function destroy({ connection, awareness, doc }: Part) {
  connection.destroy();
  awareness.destroy();
  doc.destroy();
}

