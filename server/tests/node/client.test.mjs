// The control of clients itself: the Rust tests rely on it to find losses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Acks } from './acks.mjs'
import { random, randomEdit, replay } from './editing.mjs'

const author = () => {
  const doc = new Y.Doc()
  const acks = new Acks(doc)
  const updates = []
  doc.on('update', update => { acks.sent(update); updates.push(update) })
  return { doc, text: doc.getText('content'), acks, updates }
}

const holding = updates => {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

test('an edit that was echoed and is gone is found missing', () => {
  const { text, acks, updates } = author()
  text.insert(0, 'one')
  text.insert(3, 'two')
  updates.forEach(u => acks.received(u))
  assert.deepEqual(acks.missingIn(holding(updates)), [])
  assert.equal(acks.missingIn(holding(updates.slice(0, 1)))[0].kind, 'insert')
})

test('an edit that was never echoed may be gone', () => {
  const { text, acks, updates } = author()
  text.insert(0, 'one')
  acks.received(updates[0])
  text.insert(3, 'two')
  assert.equal(acks.all(), false)
  assert.deepEqual(acks.missingIn(holding(updates.slice(0, 1))), [])
})

test('a deletion counts once a later insert was echoed', () => {
  const { text, acks, updates } = author()
  text.insert(0, 'abc')
  text.delete(1, 1)
  text.insert(0, 'x')
  acks.received(updates[0])
  assert.equal(acks.count, 1)
  acks.received(updates[2])
  assert.equal(acks.count, 3)
  assert.equal(acks.missingIn(holding([updates[0], updates[2]]))[0].kind, 'delete')
  assert.deepEqual(acks.missingIn(holding(updates)), [])
})

test('random edits repeat with their seed and cut no surrogate pair', () => {
  const run = () => {
    const { text } = author()
    const rnd = random(7)
    for (let i = 0; i < 3000; i++) randomEdit(text, rnd, { maxLength: 300 })
    return text.toString()
  }
  const text = run()
  assert.equal(text, run())
  assert.ok(text.isWellFormed() && !text.includes('\uFFFD') && text.length > 0)
})

test('a trace starts from its start content', async () => {
  const { doc, text } = author()
  const txns = [{ patches: [[5, 0, '!'], [0, 1, 'J']] }]
  assert.equal(await replay(doc, text, { startContent: 'hello', txns }), 1)
  assert.equal(text.toString(), 'Jello!')
})
