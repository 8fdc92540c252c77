import { afterEach, expect, it } from 'vitest';
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness';
import { Doc } from 'yjs';
import { PALETTE } from '@/lib/palette';
import { readPeer } from '@/lib/peer';
import { wearFreeColor } from './wearFreeColor';

const pages: Awareness[] = [];

afterEach(() => {
  for (const page of pages.splice(0)) page.destroy();
});

/** A page of a person in one room with all others; all receive what one publishes. */
function page(id: string, color: string): Awareness {
  const awareness = new Awareness(new Doc());
  for (const other of pages) applyAwarenessUpdate(awareness, encodeAwarenessUpdate(other, [other.clientID]), 'room');
  awareness.on('update', (_: unknown, origin: unknown) => {
    if (origin === 'room') return;
    for (const other of pages) if (other !== awareness) applyAwarenessUpdate(other, encodeAwarenessUpdate(awareness, [awareness.clientID]), 'room');
  });
  pages.push(awareness);
  awareness.setLocalStateField('user', { id, name: id, color });
  wearFreeColor(awareness, id, color);
  return awareness;
}

const worn = (awareness: Awareness) => readPeer(awareness.clientID, awareness.getLocalState() ?? {})?.color;
const name = (awareness: Awareness) => PALETTE[worn(awareness) ?? -1]?.name;

it('is unique in a document, and the greys come last', () => {
  const people = Array.from({ length: PALETTE.length }, (_, n) => page(`person ${n}`, PALETTE[0].hex));
  expect(new Set(people.map(worn)).size).toBe(PALETTE.length);
  expect(people.map(name).at(0)).toBe('Teal');
  expect(people.map(name).at(-1)).toBe('Slate');
});

it('is one for the tabs of one person, and stays when others come', () => {
  const ann = page('ann', PALETTE[2].hex);
  const tab = page('ann', PALETTE[2].hex);
  const bob = page('bob', PALETTE[2].hex);
  expect(name(ann)).toBe('Blue');
  expect(name(tab)).toBe('Blue');
  expect(worn(bob)).not.toBe(worn(ann));
});

it('is decided when two join at once', () => {
  const [ann, bob] = [page('ann', PALETTE[1].hex), page('bob', PALETTE[3].hex)];
  const since = Date.now();
  ann.setLocalStateField('worn', { color: 5, since });
  bob.setLocalStateField('worn', { color: 5, since });
  expect(worn(ann)).not.toBe(worn(bob));
});

it('shows a stock page in the colour of its account, and leaves that to it', () => {
  const stock = new Awareness(new Doc());
  pages.push(stock);
  stock.setLocalStateField('user', { id: 'stock', name: 'stock', color: PALETTE[4].hex });
  expect(name(page('ann', PALETTE[4].hex))).not.toBe('Amber');
});
