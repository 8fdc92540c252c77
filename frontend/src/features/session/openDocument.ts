import type { Awareness } from 'y-protocols/awareness';
import type { Doc, Text } from 'yjs';
import { api, ask } from '@/lib/api/client';
import { currentSession, holdSession, personId, token } from '@/lib/api/session';
import type { Store } from '@/lib/store';
import { Replica } from './replica';
import { isFinal, type Status } from './status';
import { unsavedDocuments } from './unsaved';

/** A document that is open in this page. How it is synced is hidden here. */
export interface OpenDocument {
  readonly id: string;
  readonly doc: Doc;
  readonly text: Text;
  readonly awareness: Awareness;
  readonly status: Store<Status>;
  /** Settles once the text has arrived. */
  readonly loaded: Promise<void>;
  /** Settles once every edit made so far is durable on the server. */
  flush: () => Promise<void>;
  /** Connects at once. */
  retry: () => void;
  /** Ends this use. The document itself stays until nobody uses it and nothing in it is unsaved. */
  release: () => void;
}

interface Entry extends Pick<OpenDocument, 'id' | 'status' | 'loaded' | 'flush' | 'retry'> {
  /** Called with the new document of each use, when it is replaced. */
  uses: Map<symbol, () => void>;
  replica: Replica;
  closing: number;
}

// Long enough for a remount of the same page, short enough that leaving counts.
const LINGER_MS = 1000;

const entries = new Map<string, Entry>();

/**
 * Opens a document, or adds a use of an open one. `replaced` receives its replacement if the page's edits had to be made again in a new
 * Y.Doc.
 */
export function openDocument(id: string, replaced: (open: OpenDocument) => void = () => undefined): OpenDocument {
  const entry = entries.get(id) ?? create(id);
  window.clearTimeout(entry.closing);
  const use = Symbol(id);
  const release = () => {
    if (entry.uses.delete(use) && entry.uses.size === 0) leave(entry);
  };
  const { status, loaded, flush, retry } = entry;
  const opened = (): OpenDocument => {
    const { doc, text, awareness } = entry.replica.shared;
    return { id, doc, text, awareness, status, loaded, flush, retry, release };
  };
  entry.uses.set(use, () => replaced(opened()));
  const { awareness } = entry.replica.shared;
  if (awareness.getLocalState() === null) awareness.setLocalState({});
  return opened();
}

function create(id: string): Entry {
  const replica = new Replica(
    {
      id,
      socketUrl: `${window.location.origin.replace(/^http/, 'ws')}/socket`,
      requestTicket: (signal) => ask(api.POST('/api/documents/{id}/ticket', { params: { path: { id } }, signal })),
    },
    () => [...entry.uses.values()].forEach((replaced) => replaced()),
  );
  const { status } = replica;
  const entry: Entry = {
    id,
    replica,
    status,
    loaded: when(status, (now) => now.loaded),
    flush: () => when(status, (now) => now.unsaved === 0),
    retry: () => replica.connection.retryNow(),
    uses: new Map(),
    closing: 0,
  };
  entries.set(id, entry);
  status.subscribe(() => {
    noteUnsaved();
    if (entry.uses.size === 0) closeLater(entry);
  });
  return entry;
}

function leave(entry: Entry) {
  entry.replica.shared.awareness.setLocalState(null);
  closeLater(entry);
}

function closeLater(entry: Entry) {
  const { unsaved, phase } = entry.status.get();
  window.clearTimeout(entry.closing);
  if (unsaved > 0 && !isFinal(phase)) return;
  entry.closing = window.setTimeout(() => close(entry), LINGER_MS);
}

function close(entry: Entry) {
  entries.delete(entry.id);
  entry.replica.destroy();
  noteUnsaved();
}

function noteUnsaved() {
  const now = [...entries.values()].filter((entry) => entry.status.get().unsaved > 0).map((entry) => entry.id);
  if (now.join() !== unsavedDocuments.get().join()) unsavedDocuments.set(now);
}

function when(status: Store<Status>, holds: (now: Status) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!holds(status.get())) return;
      unsubscribe();
      resolve();
    };
    const unsubscribe = status.subscribe(check);
    check();
  });
}

let last = { person: personId(), token: token() };
currentSession.subscribe(() => {
  const now = { person: personId(), token: token() };
  if (now.person !== last.person) for (const entry of [...entries.values()]) close(entry);
  else if (now.token !== null && now.token !== last.token) for (const { replica } of entries.values()) void replica.connection.renew();
  last = now;
});
holdSession(() => unsavedDocuments.get().length > 0);

window.addEventListener('beforeunload', (event) => {
  if (unsavedDocuments.get().length > 0) event.preventDefault();
});
