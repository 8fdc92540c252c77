import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import type { Role } from '@/lib/api/types';

/** The subprotocol of the messages below. */
export const SUBPROTOCOL = 'codesync.v1';
/** The y-protocols message type that carries them. */
export const MESSAGE = 100;

const MARK = 0;
const HELLO = 1;
const ROLE = 2;
const REJECTED = 3;
const TOKEN = 4;
const TOKEN_ACCEPTED = 5;

export type Incoming =
  /** Everything sent before our mark `n` is durable. */
  | { kind: 'mark'; n: number }
  | { kind: 'hello'; role: Role; epoch: string | null; expiresAt: string | null }
  | { kind: 'role'; role: Role }
  /** An edit of ours was refused. */
  | { kind: 'rejected'; code: string; message: string; client: number | null; clock: number | null }
  | { kind: 'token-accepted'; expiresAt: string }
  | { kind: 'unknown' };

export function encodeMark(n: number): Uint8Array {
  return message(MARK, (encoder) => encoding.writeVarUint(encoder, n));
}

export function encodeToken(ticket: string): Uint8Array {
  return message(TOKEN, (encoder) => encoding.writeVarString(encoder, ticket));
}

function message(kind: number, body: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, MESSAGE);
  encoding.writeVarUint(encoder, kind);
  body(encoder);
  return encoding.toUint8Array(encoder);
}

/** Decodes what follows the message type. A kind of a newer server is `unknown`, not an error. */
export function decode(decoder: decoding.Decoder): Incoming {
  const kind = decoding.readVarUint(decoder);
  switch (kind) {
    case MARK:
      return { kind: 'mark', n: decoding.readVarUint(decoder) };
    case HELLO: {
      const { role, epoch, expires_at } = fields(decoding.readVarString(decoder));
      return { kind: 'hello', role: roleOf(role), epoch: text(epoch), expiresAt: text(expires_at) };
    }
    case ROLE:
      return { kind: 'role', role: roleOf(decoding.readVarString(decoder)) };
    case REJECTED: {
      const { code, message, client, clock } = fields(decoding.readVarString(decoder));
      return { kind: 'rejected', code: text(code) ?? 'rejected', message: text(message) ?? '', client: number(client), clock: number(clock) };
    }
    case TOKEN_ACCEPTED:
      return { kind: 'token-accepted', expiresAt: decoding.readVarString(decoder) };
    default:
      return { kind: 'unknown' };
  }
}

function fields(json: string): Record<string, unknown> {
  const value: unknown = JSON.parse(json);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function roleOf(value: unknown): Role {
  return value === 'owner' || value === 'editor' ? value : 'viewer';
}
