import { describe, expect, it } from 'vitest';
import tokens from '@/styles/tokens.css?raw';
import peersCss from './peers.css?raw';
import { DARK, LIGHT, type Tones } from './tones';

type Color = readonly number[];

const AA = 4.5;
const TEXT = ['ink', 'quiet', 'comment', 'keyword', 'string', 'number', 'type', 'function', 'tag', 'regexp', 'invalid'] as const;
const BEHIND = ['background', 'line', 'selection', 'match', 'added', 'removed'] as const;
const tint = Number(/var\(--peer-color\) (\d+)%/.exec(peersCss)?.[1]) / 100;
const peers = [...tokens.matchAll(/--peer-\d+: light-dark\(#(\w+), #(\w+)\)/g)];

const parse = (hex: string): Color => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
const blend = (over: Color, under: Color): Color => over.map((part, i) => part * tint + (under[i] ?? 0) * (1 - tint));

function luminance(color: Color): number {
  const [r = 0, g = 0, b = 0] = color.map((part) => (part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: Color, b: Color): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

function tooFaint(tones: Tones, peerColors: readonly string[]): string[] {
  const grounds = new Map<string, Color>(BEHIND.map((name) => [name, parse(tones[name])]));
  peerColors.forEach((hex, index) => {
    for (const name of ['background', 'line'] as const) grounds.set(`peer ${index} on ${name}`, blend(parse(hex), parse(tones[name])));
  });
  return TEXT.flatMap((name) =>
    [...grounds].filter(([, ground]) => contrast(parse(tones[name]), ground) < AA).map(([ground]) => `${name} on ${ground}`),
  );
}

describe('every text colour is readable on all that can lie behind it', () => {
  it('was measured against something', () => {
    expect(tint).toBeGreaterThan(0);
    expect(peers).toHaveLength(12);
  });

  it('in the light', () => expect(tooFaint(LIGHT, peers.map(([, light]) => light ?? ''))).toEqual([]));

  it('in the dark', () => expect(tooFaint(DARK, peers.map(([, , dark]) => dark ?? ''))).toEqual([]));
});
