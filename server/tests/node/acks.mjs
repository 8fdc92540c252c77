// The echoes of this client's own edits. An echo means durable.
//
// Only inserts prove anything: a deletion of the same characters may arrive from another author before ours is durable. A room appends in
// order, so a deletion counts as acknowledged with the next insert of the same client.
import * as Y from 'yjs'

export class Acks {
  constructor (doc) {
    this.doc = doc
    this.edits = [] // { end, deletes, bare }: `end` is the own clock after the edit, `bare` one that only deletes
    this.count = 0 // how many of `edits`, from the first, are acknowledged
    this.inserted = 0 // the own clock after the last insert
    this.clock = 0 // the own clock that was echoed
    this.echoes = 0
  }

  sent (update) {
    const { structs, ds } = Y.decodeUpdate(update)
    const inserts = structs.some(s => s.id.client === this.doc.clientID)
    const end = Y.getState(this.doc.store, this.doc.clientID)
    if (inserts) this.inserted = end
    this.edits.push({ end, deletes: ranges(ds), bare: !inserts })
  }

  received (update) {
    let echo = false
    for (const struct of Y.decodeUpdate(update).structs) {
      if (struct.id.client !== this.doc.clientID) continue
      this.clock = Math.max(this.clock, struct.id.clock + struct.length)
      echo = true
    }
    if (echo) this.echoes++
    while (this.count < this.edits.length && this.proven(this.edits[this.count])) this.count++
  }

  proven ({ end, bare }) {
    return bare ? end < this.clock : end <= this.clock
  }

  // Inserts only: a trailing deletion has no proof of its own.
  all () {
    return this.inserted <= this.clock
  }

  // The acknowledged edits of this client that are not in `doc`: empty if the server kept its promise.
  missingIn (doc) {
    const missing = []
    const have = Y.getState(doc.store, this.doc.clientID)
    if (have < this.clock) missing.push({ kind: 'insert', client: this.doc.clientID, acknowledged: this.clock, have })
    for (const { deletes } of this.edits.slice(0, this.count)) {
      for (const range of deletes) {
        if (!isDeleted(doc, range)) missing.push({ kind: 'delete', ...range })
      }
    }
    return missing
  }
}

const ranges = ds => [...ds.clients].flatMap(([client, items]) =>
  items.map(({ clock, len }) => ({ client, clock, len })))

const isDeleted = (doc, { client, clock, len }) => {
  const end = clock + len
  if (Y.getState(doc.store, client) < end) return false
  const structs = doc.store.clients.get(client)
  for (let i = Y.findIndexSS(structs, clock); i < structs.length && structs[i].id.clock < end; i++) {
    if (!structs[i].deleted) return false
  }
  return true
}
