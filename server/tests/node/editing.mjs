// Edits at full speed: seeded random ones, and recorded traces.
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'

const WORDS = ['a', 'xyz', '\n', 'let x = 1;\n', ' ', 'é', 'e\u0301', '👩‍💻', '🎉', '日本', '{}', '\t']

// mulberry32
export const random = seed => () => {
  seed = (seed + 0x6D2B79F5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

export const randomEdit = (text, rnd, { maxLength = 2000, deleteShare = 0.35 } = {}) => {
  const content = text.toString()
  const at = boundary(content, Math.floor(rnd() * (content.length + 1)))
  const crowded = content.length > maxLength
  if (content.length > at && (crowded || rnd() < deleteShare)) {
    const end = boundary(content, Math.min(content.length, at + 1 + Math.floor(rnd() * (crowded ? maxLength : 4))))
    if (end > at) text.delete(at, end - at)
  } else {
    text.insert(at, WORDS[Math.floor(rnd() * WORDS.length)])
  }
}

// Yjs replaces both halves of a surrogate pair that is cut apart.
const boundary = (content, index) => {
  const unit = content.charCodeAt(index)
  return unit >= 0xDC00 && unit <= 0xDFFF ? index + 1 : index
}

export const readTrace = path => {
  const bytes = readFileSync(path)
  return JSON.parse(path.endsWith('.gz') ? gunzipSync(bytes) : bytes)
}

// Lets the socket send at intervals during editing.
export const replay = async (doc, text, trace, { turnEvery = 64 } = {}) => {
  if (trace.startContent && text.length === 0) text.insert(0, trace.startContent)
  let done = 0
  for (const { patches } of trace.txns) {
    doc.transact(() => {
      for (const [position, deleted, inserted] of patches) {
        if (deleted > 0) text.delete(position, deleted)
        if (inserted) text.insert(position, inserted)
      }
    })
    if (++done % turnEvery === 0) await turn()
  }
  return done
}
