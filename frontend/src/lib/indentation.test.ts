import { expect, it } from 'vitest';
import { chosenIndent, usualIndent } from './indentation';

it('follows the usual indentation of a language', () => {
  for (const [language, title, spaces, size] of [
    ['python', 'a.py', true, 4],
    ['rust', 'a.rs', true, 4],
    ['go', 'a.go', false, 4],
    ['plaintext', 'Makefile', false, 4],
    ['plaintext', 'rules.mk', false, 4],
    ['typescript', 'a.ts', true, 2],
    ['html', 'a.html', true, 2],
    ['css', 'a.css', true, 2],
    ['yaml', 'a.yml', true, 2],
  ] as const) {
    expect(usualIndent(language, title), title).toEqual({ spaces, size });
  }
});

it('follows the choice', () => {
  expect(chosenIndent('auto')).toBeNull();
  expect(chosenIndent('tab')).toEqual({ spaces: false, size: 4 });
  expect(chosenIndent('space8')).toEqual({ spaces: true, size: 8 });
});
