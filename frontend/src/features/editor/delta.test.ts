import { describe, expect, it } from 'vitest';
import { difference, insertsAt, moved, type Step } from './delta';

const apply = (text: string, steps: readonly Step[]) => {
  let at = 0;
  for (const step of steps) {
    if ('retain' in step) at += step.retain;
    else if ('delete' in step) text = text.slice(0, at) + text.slice(at + step.delete);
    else {
      text = text.slice(0, at) + step.insert + text.slice(at);
      at += step.insert.length;
    }
  }
  return text;
};

describe('difference', () => {
  it.each([
    ['', 'abc'],
    ['abc', ''],
    ['abc', 'abc'],
    ['aaa', 'aaaa'],
    ['one two', 'one and two'],
    ['a😀b', 'a😁b'],
    ['😀😀', '😀'],
  ])('%j to %j', (from, to) => {
    expect(apply(from, difference(from, to))).toBe(to);
  });

  it('ends neither behind a half that has no other half nor inside the pair beside it', () => {
    expect(difference('\ud83d😀b', '\ufffd😀b')).toEqual([{ retain: 0 }, { delete: 3 }, { insert: '\ufffd😀' }]);
  });

  it('does not cut a surrogate pair', () => {
    const [keep, remove] = difference('a😀b', 'a😁b');
    expect([keep, remove]).toEqual([{ retain: 1 }, { delete: 2 }]);
  });
});

describe('moved', () => {
  const delta: Step[] = [{ retain: 4 }, { delete: 2 }, { insert: 'new' }, { retain: 1 }, { insert: '!' }];

  it('follows the text', () => {
    expect([0, 3, 8].map((offset) => moved(offset, delta, 'left'))).toEqual([0, 3, 10]);
  });

  it('leans as asked where text is inserted', () => {
    expect(moved(4, [{ retain: 4 }, { insert: 'ab' }], 'left')).toBe(4);
    expect(moved(4, [{ retain: 4 }, { insert: 'ab' }], 'right')).toBe(6);
    expect(insertsAt(4, [{ retain: 4 }, { insert: 'ab' }])).toBe(true);
    expect(insertsAt(3, [{ retain: 4 }, { insert: 'ab' }])).toBe(false);
  });

  it('stays at the edge of deleted text', () => {
    expect(moved(5, [{ retain: 4 }, { delete: 2 }], 'left')).toBe(4);
  });
});
