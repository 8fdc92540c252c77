import { expect, it } from 'vitest';
import { paletteIndex, PALETTE } from './palette';
import { readPeer } from './peer';

it('reads a person from awareness', () => {
  const peer = readPeer(7, { user: { id: 'u1', name: ' Ada ', color: '#2457C5' }, idle: true });
  expect(peer).toEqual({ clientId: 7, userId: 'u1', name: 'Ada', color: 2, idle: true });
});

it('takes nothing that is not a person', () => {
  for (const user of [undefined, null, 'Ada', 7, {}, { name: 7 }, []]) expect(readPeer(1, { user })).toBeNull();
});

it('cuts a name short, and has one for the nameless', () => {
  expect(readPeer(1, { user: { name: 'x'.repeat(500) } })?.name).toHaveLength(60);
  expect(readPeer(1, { user: { name: ' ' } })?.name).toBe('Someone');
});

it('never lets a colour out of the palette', () => {
  const index = paletteIndex('red;} body{display:none', 'someone');
  expect(index).toBe(paletteIndex('', 'someone'));
  expect(PALETTE[index]).toBeDefined();
});
