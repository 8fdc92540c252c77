import { describe, expect, it } from 'vitest';
import { decodeText, FILE_BYTES_MAX, fileSize, withLineEnds } from './text';

const utf8 = (text: string) => new TextEncoder().encode(text);

describe('decodeText', () => {
  it('drops the byte order mark and leaves line ends for the server to see', () => {
    expect(decodeText(utf8('\uFEFFone\r\ntwo\n'))).toEqual({ text: 'one\r\ntwo\n' });
  });

  it('reads UTF-16 by its mark', () => {
    expect(decodeText(new Uint8Array([0xff, 0xfe, 0x61, 0, 0xe9, 0]))).toEqual({ text: 'aé' });
    expect(decodeText(new Uint8Array([0xfe, 0xff, 0, 0x61]))).toEqual({ text: 'a' });
  });

  it('refuses bytes that are not text', () => {
    expect(decodeText(new Uint8Array([0x89, 0x50, 0, 1]))).toEqual({ problem: 'binary' });
    expect(decodeText(new Uint8Array([0xc3, 0x28]))).toEqual({ problem: 'encoding' });
    expect(decodeText(new Uint8Array(FILE_BYTES_MAX + 1).fill(65))).toEqual({ problem: 'too-large' });
  });
});

it('writes the line ends that are asked for', () => {
  expect(withLineEnds('a\nb', 'crlf')).toBe('a\r\nb');
  expect(withLineEnds('a\nb', 'lf')).toBe('a\nb');
});

it('tells sizes as people read them', () => {
  expect([0, 999, 1500, 20_000, 1_250_000].map(fileSize)).toEqual(['0 B', '999 B', '1.5 kB', '20 kB', '1.3 MB']);
});
