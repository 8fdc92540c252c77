// Writes ../fixtures/*.json: histories made by Yjs, and messages made by y-protocols. Run `npm run fixtures`; the output is the
// same every time.
import { writeFileSync } from "node:fs";
import * as encoding from "lib0/encoding";
import * as awareness from "y-protocols/awareness";
import * as sync from "y-protocols/sync";
import * as Y from "yjs";

const hex = (bytes) => Buffer.from(bytes).toString("hex");

function random(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { below: (n) => Math.floor(next() * n), of: (values) => values[Math.floor(next() * values.length)] };
}

/** Documents that share every update, in an order in which each depends only on earlier ones. */
function history(clients, act) {
  const updates = [];
  const docs = clients.map((clientID) => Object.assign(new Y.Doc(), { clientID }));
  for (const doc of docs) {
    doc.on("update", (update, origin) => origin !== "remote" && updates.push(update));
  }
  act(docs, updates);
  for (const doc of docs) for (const update of updates) Y.applyUpdate(doc, update, "remote");
  const doc = docs[0];
  const state = Y.encodeStateAsUpdate(doc);
  const vector = Y.encodeStateVector(doc);
  const snapshot = Y.encodeSnapshot(Y.snapshot(doc));
  const deletions = snapshot.length - vector.length;
  return {
    updates: updates.map(hex),
    text: doc.getText("content").toString(),
    vector: hex(vector),
    // Yjs and yrs order the clients of a delete set differently, so it is kept apart and as numbers.
    structs: hex(state.subarray(0, state.length - deletions)),
    deletions: [...Y.snapshot(doc).ds.clients]
      .flatMap(([client, ranges]) => ranges.map(({ clock, len }) => [client, clock, len]))
      .sort((a, b) => a[0] - b[0] || a[1] - b[1]),
    merged: hex(Y.mergeUpdates(updates)),
  };
}

const WORDS = ["fn ", "x", "let y = 1;\n", "\t", "(", "ö", "e\u0301", "漢字", "😀", "👩‍👩‍👧", "🏳️‍🌈", "0"];

function edit(text, chance, words) {
  const length = text.length;
  const at = chance.below(length + 1);
  if (length > 0 && chance.below(3) === 0) {
    const from = chance.below(length);
    text.delete(from, 1 + chance.below(Math.min(6, length - from)));
  } else {
    text.insert(at, chance.of(words));
  }
}

const histories = {
  typing: history([7], ([doc]) => {
    const text = doc.getText("content");
    for (const char of "fn main() {\n    println!(\"hi\");\n}\n") text.insert(text.length, char);
    text.delete(3, 4);
    for (const [i, char] of [..."start"].entries()) text.insert(3 + i, char);
    doc.transact(() => {
      text.insert(0, "gone at once");
      text.delete(0, 12);
    });
  }),
  unicode: history([4_000_000_001], ([doc]) => {
    const chance = random(2);
    const text = doc.getText("content");
    for (let i = 0; i < 120; i++) edit(text, chance, WORDS);
  }),
  several: history([11, 3_000_000_000, 2 ** 53 - 1], (docs, updates) => {
    const chance = random(3);
    const seen = docs.map(() => 0);
    for (let i = 0; i < 180; i++) {
      const k = chance.below(docs.length);
      if (chance.below(4) === 0) {
        for (; seen[k] < updates.length; seen[k]++) Y.applyUpdate(docs[k], updates[seen[k]], "remote");
      } else {
        edit(docs[k].getText("content"), chance, WORDS);
      }
    }
  }),
  rich: history([21, 22], (docs, updates) => {
    const chance = random(4);
    // Objects of one key: yrs keeps keys in no order.
    const values = [null, true, false, 0, -1, 2 ** 31 - 1, -(2 ** 31), 1e21, 0.5, "text 😀", undefined, 7n];
    values.push([], {}, [1, [2, [3]]], { a: { b: [null, "c"] } }, new Uint8Array([1, 2, 3]));
    const listable = values.filter((value) => value !== undefined && typeof value !== "bigint");
    for (let i = 0; i < 90; i++) {
      const doc = chance.of(docs);
      const text = doc.getText("content");
      const [map, list] = [doc.getMap("meta"), doc.getArray("list")];
      const key = chance.of(["a", "b", "ключ"]);
      switch (chance.below(8)) {
        case 0:
          text.format(0, Math.min(text.length, 3), { bold: chance.of([true, null]), color: { hex: "#123" } });
          break;
        case 1:
          text.insertEmbed(0, { image: "x" });
          break;
        case 2:
          map.set(key, chance.of(values));
          break;
        case 3:
          map.delete(key);
          break;
        case 4:
          list.insert(chance.below(list.length + 1), [chance.of(listable), chance.of(listable)]);
          break;
        case 5:
          if (list.length > 0) list.delete(chance.below(list.length), 1);
          break;
        case 6:
          for (const update of updates) Y.applyUpdate(doc, update, "remote");
          break;
        default:
          edit(text, chance, WORDS);
      }
    }
  }),
};
for (const [name, made] of Object.entries(histories)) {
  writeFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), `${JSON.stringify(made, null, 1)}\n`);
}

function frame(type, write) {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, type);
  write(encoder);
  return hex(encoding.toUint8Array(encoder));
}

const doc = Object.assign(new Y.Doc(), { clientID: 2 ** 32 - 1 });
doc.getText("content").insert(0, "hällo 😀");
const peer = new awareness.Awareness(doc);
peer.setLocalState({ user: { name: "Åsa 😀", color: "#abc" }, selection: null });
const other = new awareness.Awareness(Object.assign(new Y.Doc(), { clientID: 5 }));
awareness.applyAwarenessUpdate(other, awareness.encodeAwarenessUpdate(peer, [doc.clientID]), "remote");
awareness.removeAwarenessStates(other, [doc.clientID], "gone");
const states = awareness.encodeAwarenessUpdate(peer, [doc.clientID]);
const messages = {
  vector: hex(Y.encodeStateVector(doc)),
  update: hex(Y.encodeStateAsUpdate(doc)),
  awareness: hex(states),
  awareness_gone: hex(awareness.encodeAwarenessUpdate(other, [5, doc.clientID])),
  awareness_states: [[doc.clientID, peer.meta.get(doc.clientID).clock, JSON.stringify(peer.getLocalState())]],
  awareness_gone_states: [[5, 0, "{}"], [doc.clientID, other.meta.get(doc.clientID).clock, null]],
  frame_step1: frame(0, (encoder) => sync.writeSyncStep1(encoder, doc)),
  frame_step2: frame(0, (encoder) => sync.writeSyncStep2(encoder, doc)),
  frame_update: frame(0, (encoder) => sync.writeUpdate(encoder, Y.encodeStateAsUpdate(doc))),
  frame_awareness: frame(1, (encoder) => encoding.writeVarUint8Array(encoder, states)),
  frame_query_awareness: frame(3, () => {}),
  frame_denied: frame(2, (encoder) => {
    encoding.writeVarUint(encoder, 0);
    encoding.writeVarString(encoder, "no accéss");
  }),
};
writeFileSync(new URL("../fixtures/messages.json", import.meta.url), `${JSON.stringify(messages, null, 1)}\n`);
process.exit(0);
