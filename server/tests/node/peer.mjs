// One stock client: a Y.Doc and an unchanged WebsocketProvider, and a record of its socket.
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'
import * as decoding from 'lib0/decoding'
import { Acks } from './acks.mjs'
import { random, randomEdit, readTrace, replay } from './editing.mjs'

const SYNC = 0
const SYNC_UPDATE = 2

export class Peer {
  constructor ({ name, url, doc, token, params = {}, protocols = [], text = 'content', clientId, state, connect = true, maxBackoffMs }, emit) {
    this.name = name
    this.emit = emit
    this.doc = new Y.Doc()
    if (clientId !== undefined) this.doc.clientID = clientId
    this.text = this.doc.getText(text)
    // As with y-indexeddb: the stored state is in the document before the socket opens.
    if (state) Y.applyUpdate(this.doc, Buffer.from(state, 'base64'))
    this.acks = new Acks(this.doc)
    this.connects = 0
    this.closes = []
    this.received = { frames: 0, bytes: 0, updates: 0 }
    this.watchers = new Set()
    this.editing = null

    this.provider = new WebsocketProvider(url, doc, this.doc, {
      connect: false,
      params: token === undefined ? params : { ...params, token },
      protocols,
      disableBc: true,
      maxBackoffTime: maxBackoffMs ?? 2500,
      WebSocketPolyfill: this.observedSocket()
    })
    this.doc.on('update', (update, origin) => {
      if (origin !== this.provider) this.acks.sent(update)
      this.changed()
    })
    this.provider.on('status', () => this.changed())
    this.provider.on('sync', () => this.changed())
    this.provider.awareness.on('change', () => this.changed())
    if (connect) this.provider.connect()
  }

  // y-websocket exposes neither close codes of later sockets nor the bytes of an update, so this listens too.
  observedSocket () {
    const peer = this
    return class extends WebSocket {
      constructor (...args) {
        super(...args)
        this.addEventListener('open', () => { peer.connects++; peer.changed() })
        this.addEventListener('message', ({ data }) => peer.sawFrame(new Uint8Array(data)))
        this.addEventListener('close', ({ code, reason }) => {
          peer.closes.push({ code, reason, at: Date.now() })
          peer.emit({ event: 'closed', client: peer.name, code, reason })
          peer.changed()
        })
      }
    }
  }

  sawFrame (frame) {
    this.received.frames++
    this.received.bytes += frame.length
    const decoder = decoding.createDecoder(frame)
    if (decoding.readVarUint(decoder) === SYNC && decoding.readVarUint(decoder) === SYNC_UPDATE) {
      this.received.updates++
      this.acks.received(decoding.readVarUint8Array(decoder))
    }
    // The provider reads the frame after us.
    queueMicrotask(() => this.changed())
  }

  changed () {
    for (const watcher of this.watchers) watcher()
  }

  status () {
    return {
      connected: this.provider.wsconnected,
      synced: this.provider.synced,
      wantsConnection: this.provider.shouldConnect,
      connects: this.connects,
      closes: this.closes,
      clientId: this.doc.clientID,
      length: this.text.length,
      edits: this.acks.edits.length,
      acknowledged: this.acks.count,
      allAcknowledged: this.acks.all(),
      echoes: this.acks.echoes,
      received: this.received,
      pending: this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null
    }
  }

  // All of them in one transaction, in this order, like an editor's binding.
  many (edits) {
    this.doc.transact(() => {
      for (const [at, length, text] of edits) {
        if (length > 0) this.text.delete(at, length)
        if (text !== '') this.text.insert(at, text)
      }
    })
  }

  // The clock after its own structs.
  clock () {
    return { clientId: this.doc.clientID, clock: Y.getState(this.doc.store, this.doc.clientID) }
  }

  states () {
    return Object.fromEntries(this.provider.awareness.getStates())
  }

  // Every key of `wanted` must be true at once.
  holds (wanted) {
    const checks = {
      synced: v => this.provider.synced === v,
      connected: v => this.provider.wsconnected === v,
      text: v => this.text.toString() === v,
      contains: v => this.text.toString().includes(v),
      length: v => this.text.length === v,
      reached: ({ clientId, clock }) => Y.getState(this.doc.store, clientId) >= clock,
      acknowledged: v => this.acks.all() === v,
      acknowledgedAtLeast: v => this.acks.count >= v,
      connects: v => this.connects >= v,
      closed: v => this.closes.some(c => c.code === v),
      peers: v => this.provider.awareness.getStates().size === v,
      awareness: v => JSON.stringify([...this.provider.awareness.getStates().values()]).includes(v)
    }
    return Object.entries(wanted).every(([key, value]) => {
      if (!(key in checks)) throw new Error(`unknown condition: ${key}`)
      return checks[key](value)
    })
  }

  startEditing ({ seed, everyMs = 5, ...options }) {
    this.stopEditing()
    const rnd = random(seed)
    this.editing = setInterval(() => this.doc.transact(() => randomEdit(this.text, rnd, options)), everyMs)
  }

  stopEditing () {
    clearInterval(this.editing)
    this.editing = null
  }

  async replay ({ trace, turnEvery }) {
    const recorded = readTrace(trace)
    const started = performance.now()
    const transactions = await replay(this.doc, this.text, recorded, { turnEvery })
    return { transactions, ms: Math.round(performance.now() - started), exact: this.text.toString() === recorded.endContent }
  }

  close () {
    this.stopEditing()
    this.provider.destroy()
    this.doc.destroy()
  }
}
