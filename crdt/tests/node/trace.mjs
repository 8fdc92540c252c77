// Types a recorded trace into a Yjs document and writes each transaction's update to stdout, after its length in four bytes (big-endian).
// Usage: node trace.mjs <trace.json.gz>
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as Y from "yjs";

const trace = JSON.parse(gunzipSync(readFileSync(process.argv[2])));
const doc = Object.assign(new Y.Doc(), { clientID: 1 });
const text = doc.getText("content");
let chunks = [];
doc.on("update", (update) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(update.length);
  chunks.push(length, update);
});
if (trace.startContent) text.insert(0, trace.startContent);
for (const [i, { patches }] of trace.txns.entries()) {
  doc.transact(() => {
    for (const [at, deleted, inserted] of patches) {
      if (deleted > 0) text.delete(at, deleted);
      if (inserted) text.insert(at, inserted);
    }
  });
  if (i % 1000 === 0 || i === trace.txns.length - 1) {
    if (!process.stdout.write(Buffer.concat(chunks))) await once(process.stdout, "drain");
    chunks = [];
  }
}
