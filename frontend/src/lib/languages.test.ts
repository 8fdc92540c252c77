import { expect, it } from 'vitest';
import { fileName, languageOfFile, LANGUAGES } from './languages';

it('knows a language by the file name', () => {
  expect(languageOfFile('main.rs').id).toBe('rust');
  expect(languageOfFile('App.TSX').id).toBe('typescript');
  expect(languageOfFile('Dockerfile').id).toBe('dockerfile');
  expect(languageOfFile('notes').id).toBe('plaintext');
});

it('gives every language an ending and an id of its own', () => {
  expect(new Set(LANGUAGES.map(({ id }) => id)).size).toBe(LANGUAGES.length);
  expect(LANGUAGES.every(({ extensions }) => extensions.length > 0)).toBe(true);
});

it('names a download', () => {
  expect(fileName('notes', 'markdown')).toBe('notes.md');
  expect(fileName('main.rs', 'rust')).toBe('main.rs');
  expect(fileName('a/b: c?', 'python')).toBe('a-b- c-.py');
  expect(fileName('  ', 'plaintext')).toBe('document.txt');
});
