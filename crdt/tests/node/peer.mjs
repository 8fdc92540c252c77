// Yjs replicas behind a pipe: one command per line in, one answer per line out. Frames are those of y-websocket.
import { createInterface } from "node:readline";
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import * as sync from "y-protocols/sync";
import * as Y from "yjs";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));
const replicas = new Map();

function frame(write) {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 0);
  write(encoder);
  return hex(encoding.toUint8Array(encoder));
}

function open(name, client) {
  const doc = Object.assign(new Y.Doc(), { clientID: client });
  const replica = { doc, text: doc.getText("content"), sent: [] };
  doc.on("update", (update, origin) => {
    if (origin !== "remote") replica.sent.push(frame((encoder) => sync.writeUpdate(encoder, update)));
  });
  replicas.set(name, replica);
}

function receive(replica, message) {
  const decoder = decoding.createDecoder(bytes(message));
  if (decoding.readVarUint(decoder) !== 0) throw new Error("not a sync message");
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 0);
  sync.readSyncMessage(decoder, encoder, replica.doc, "remote");
  if (encoding.length(encoder) > 1) replica.sent.push(hex(encoding.toUint8Array(encoder)));
}

// A random history of several replicas that are mostly offline: the given number of edits, and the state of each before and after they
// sync.
function history({ clients, edits }) {
  const docs = clients.map((client) => Object.assign(new Y.Doc(), { clientID: client }));
  for (const [who, from, at, deleted, inserted] of edits) {
    const [doc, other] = [docs[who % docs.length], docs[from % docs.length]];
    const text = doc.getText("content");
    const start = Math.min(at, text.length);
    if (other !== doc && inserted === "") Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)));
    else if (deleted > 0) text.delete(start, Math.min(deleted, text.length - start));
    else text.insert(start, inserted);
  }
  const states = docs.map((doc) => hex(Y.encodeStateAsUpdate(doc)));
  for (const doc of docs) for (const state of states) Y.applyUpdate(doc, bytes(state));
  return { states: [...states, ...docs.map((doc) => hex(Y.encodeStateAsUpdate(doc)))] };
}

const commands = {
  step1: ({ doc }) => ({ frame: frame((encoder) => sync.writeSyncStep1(encoder, doc)) }),
  receive: (replica, { frame }) => receive(replica, frame),
  // One transaction, so that an update may hold several edits.
  edit: ({ doc, text }, { edits }) =>
    doc.transact(() => {
      for (const [at, deleted, inserted] of edits) {
        const from = Math.min(at, text.length);
        if (deleted > 0) text.delete(from, Math.min(deleted, text.length - from));
        if (inserted !== "") text.insert(from, inserted);
      }
    }),
  look: ({ doc, text }) => ({
    text: text.toString(),
    length: text.length,
    pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null,
    vector: hex(Y.encodeStateVector(doc)),
    state: hex(Y.encodeStateAsUpdate(doc)),
  }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer = {};
  if (command.do === "open") {
    open(command.replica, command.client);
  } else if (command.do === "history") {
    answer = history(command);
  } else {
    const replica = replicas.get(command.replica);
    answer = commands[command.do](replica, command) ?? {};
    answer.sent = replica.sent.splice(0);
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
