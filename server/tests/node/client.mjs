// Stock Yjs clients, controlled by JSON lines: see README.md. One process hosts any number of them.
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import * as Y from 'yjs'
import { Peer } from './peer.mjs'
import { readTrace } from './editing.mjs'

const { values: defaults } = parseArgs({
  options: { url: { type: 'string' }, doc: { type: 'string' }, token: { type: 'string' } }
})
const peers = new Map()
// Each provider adds a listener for the end of the process.
process.setMaxListeners(0)
const emit = message => process.stdout.write(JSON.stringify(message) + '\n')

const peer = name => {
  const found = peers.get(name)
  if (!found) throw new Error(`no client named ${name}; open are: ${[...peers.keys()].join(', ') || 'none'}`)
  return found
}

const until = (watched, condition, timeoutMs, describe) => new Promise((resolve, reject) => {
  const finish = outcome => {
    clearTimeout(timer)
    for (const p of watched) p.watchers.delete(check)
    outcome()
  }
  const check = () => {
    try {
      if (condition()) finish(resolve)
    } catch (error) {
      finish(() => reject(error))
    }
  }
  const timer = setTimeout(() => finish(() => reject(new Error(`not within ${timeoutMs} ms: ${describe()}`))), timeoutMs)
  for (const p of watched) p.watchers.add(check)
  check()
})

const same = group => {
  const [first, ...rest] = group
  const text = first.text.toString()
  if (rest.some(p => p.text.toString() !== text)) return false
  const vector = stateVector(first)
  return rest.every(p => stateVector(p) === vector)
}

// State vector bytes list clients in insertion order: compare them sorted.
const stateVector = p => JSON.stringify([...Y.decodeStateVector(Y.encodeStateVector(p.doc))].sort(([a], [b]) => a - b))

const commands = {
  open ({ client, ...options }) {
    if (peers.has(client)) throw new Error(`${client} is already open`)
    const settings = { ...defaults, ...options, name: client }
    for (const needed of ['url', 'doc']) if (!settings[needed]) throw new Error(`open needs "${needed}"`)
    peers.set(client, new Peer(settings, emit))
    return { clientId: peer(client).doc.clientID }
  },
  close ({ client }) {
    peer(client).close()
    peers.delete(client)
  },
  connect ({ client, url, token }) {
    const { provider } = peer(client)
    if (url) provider.serverUrl = url
    if (token) provider.params = { ...provider.params, token }
    provider.connect()
  },
  disconnect: ({ client }) => peer(client).provider.disconnect(),
  insert: ({ client, at, text }) => peer(client).text.insert(at ?? peer(client).text.length, text),
  delete: ({ client, at, length }) => peer(client).text.delete(at, length),
  many: ({ client, edits }) => peer(client).many(edits),
  text: ({ client }) => peer(client).text.toString(),
  status: ({ client }) => peer(client).status(),
  awareness: ({ client, state }) => peer(client).provider.awareness.setLocalState(state),
  states: ({ client }) => peer(client).states(),
  save: ({ client }) => Buffer.from(Y.encodeStateAsUpdate(peer(client).doc)).toString('base64'),
  edit: ({ client, ...options }) => peer(client).startEditing(options),
  rest: ({ client }) => peer(client).stopEditing(),
  clock: ({ client }) => peer(client).clock(),
  replay: ({ client, ...options }) => peer(client).replay(options),
  // Whether `client` has the recorded end of a trace.
  ended ({ client, trace }) {
    return peer(client).text.toString() === readTrace(trace).endContent
  },
  // The edits acknowledged to `of` that are absent from `client`: [] if nothing was lost.
  missing: ({ client, of }) => of.flatMap(name => peer(name).acks.missingIn(peer(client).doc)),
  wait: ({ client, for: wanted, timeoutMs = 10_000 }) => {
    const p = peer(client)
    return until([p], () => p.holds(wanted), timeoutMs, () => `${JSON.stringify(wanted)}; ${client} is ${describe(p)}`)
  },
  converge: ({ clients, timeoutMs = 10_000 }) => {
    const group = clients.map(peer)
    return until(group, () => same(group), timeoutMs, () => group.map(p => `${p.name} is ${describe(p)}`).join('; '))
  },
  exit () {
    for (const p of peers.values()) p.close()
    process.exit(0)
  }
}

const describe = p => JSON.stringify({
  ...p.status(),
  states: p.provider.awareness.getStates().size,
  text: p.text.toString().slice(0, 200)
})

const obey = async line => {
  let id = null
  try {
    const { id: given, do: verb, ...argument } = JSON.parse(line)
    id = given ?? null
    if (!Object.hasOwn(commands, verb)) throw new Error(`unknown command: ${verb}`)
    const value = await commands[verb](argument)
    emit({ id, ok: value ?? null })
  } catch (error) {
    emit({ id, error: error.message })
  }
}

// Ends with the test.
createInterface({ input: process.stdin }).on('line', obey).on('close', () => commands.exit())
