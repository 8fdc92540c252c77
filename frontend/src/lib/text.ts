import type { LineEnd } from './api/types';

export type { LineEnd };

export const LINE_ENDS: readonly { value: LineEnd; name: string }[] = [
  { value: 'lf', name: 'LF (Linux, macOS)' },
  { value: 'crlf', name: 'CRLF (Windows)' },
];

/** The largest file for a document, in bytes of UTF-8. */
export const FILE_BYTES_MAX = 2_000_000;

export type FileProblem = 'too-large' | 'binary' | 'encoding';

/** Shared text has LF only; a file has the line end of its document. */
export function withLineEnds(text: string, end: LineEnd): string {
  return end === 'crlf' ? text.replace(/\n/g, '\r\n') : text;
}

/** Decodes bytes as text without byte order mark, or returns the problem. */
export function decodeText(bytes: Uint8Array): { text: string } | { problem: FileProblem } {
  if (bytes.length > FILE_BYTES_MAX) return { problem: 'too-large' };
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (wide) return decodeAs(bytes, bytes[0] === 0xff ? 'utf-16le' : 'utf-16be');
  if (bytes.includes(0)) return { problem: 'binary' };
  return decodeAs(bytes, 'utf-8');
}

function decodeAs(bytes: Uint8Array, encoding: string): { text: string } | { problem: FileProblem } {
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes) };
  } catch {
    return { problem: 'encoding' };
  }
}

export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
