// Turns a recorded trace into the Yjs updates that a stock client sends: `node trace.mjs TRACE OUT_DIR`.
//
// updates: one update a transaction, each after its length (u32, little-endian). The last update writes to another root
// type, so that its reader knows that everything before it has arrived. state: the whole document. text: its end.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as Y from 'yjs'

const [trace, out] = process.argv.slice(2)
const { startContent, endContent, txns } = JSON.parse(gunzipSync(readFileSync(trace)))
const doc = new Y.Doc()
const text = doc.getText('content')
const updates = []
doc.on('update', update => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(update.length)
  updates.push(length, update)
})
if (startContent) text.insert(0, startContent)
for (const { patches } of txns) {
  doc.transact(() => {
    for (const [position, deleted, inserted] of patches) {
      if (deleted > 0) text.delete(position, deleted)
      if (inserted) text.insert(position, inserted)
    }
  })
}
if (text.toString() !== endContent) throw new Error(`${trace} does not end in its endContent`)
doc.getText('end').insert(0, '.')
writeFileSync(join(out, 'updates'), Buffer.concat(updates))
writeFileSync(join(out, 'state'), Y.encodeStateAsUpdate(doc))
writeFileSync(join(out, 'text'), endContent)
