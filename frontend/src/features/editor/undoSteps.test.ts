import { describe, expect, it } from 'vitest';
import { UndoSteps } from './undoSteps';

interface Change {
  rangeOffset: number;
  rangeLength: number;
  text: string;
}

const typed = (rangeOffset: number, text: string): Change[] => [{ rangeOffset, rangeLength: 0, text }];
const deleted = (rangeOffset: number, rangeLength = 1): Change[] => [{ rangeOffset, rangeLength, text: '' }];

/** Where a step begins in a series of changes. */
function steps(steps: UndoSteps, changes: Change[][]): boolean[] {
  return changes.map((change) => steps.begins(change as never));
}

const type = (text: string, at = 0) => Array.from(text, (letter, n) => typed(at + n, letter));

describe('steps of undo', () => {
  it('begin before each word', () => {
    const begun = steps(new UndoSteps(), type('let x = 1'));
    expect(Array.from('let x = 1').filter((_, n) => begun[n]).join('')).toBe('l   ');
  });

  it('begin at a jump of the caret and between typing and deleting', () => {
    expect(steps(new UndoSteps(), [...type('ab'), typed(40, 'c'), typed(41, 'd'), deleted(41), deleted(40), typed(40, 'e')])).toEqual([true, false, true, false, true, false, true]);
  });

  it('go on inside a pair that closed by itself, and with several carets', () => {
    expect(steps(new UndoSteps(), [typed(0, '()'), typed(1, 'a'), typed(2, 'b')])).toEqual([true, false, false]);
    const both = (n: number) => [...typed(10 + 2 * n, 'x'), ...typed(n, 'x')];
    expect(steps(new UndoSteps(), [both(0), both(1)])).toEqual([true, false]);
  });

  it('are separate for text that is inserted at once', () => {
    expect(steps(new UndoSteps(), [...type('ab'), typed(2, 'a whole paste'), ...type('c', 15)])).toEqual([true, false, true, true]);
  });

  it('are one per composition', () => {
    const undo = new UndoSteps();
    expect(steps(undo, type('a'))).toEqual([true]);
    undo.compose(true);
    expect(steps(undo, [typed(1, 'n'), [{ rangeOffset: 1, rangeLength: 1, text: 'に' }], [{ rangeOffset: 1, rangeLength: 1, text: '日本語 です' }]])).toEqual([true, false, false]);
    undo.compose(false);
    expect(steps(undo, type('b', 2))).toEqual([true]);
  });
});
