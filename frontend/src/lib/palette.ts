/** The colours of people. The order is that of `--peer-0…11` in tokens.css; the profile stores the hex value. */
export const PALETTE = [
  { name: 'Teal', hex: '#0b6b60' },
  { name: 'Coral', hex: '#b83a22' },
  { name: 'Blue', hex: '#2457c5' },
  { name: 'Violet', hex: '#8a3ab9' },
  { name: 'Amber', hex: '#8a5a00' },
  { name: 'Pink', hex: '#b4256f' },
  { name: 'Green', hex: '#2f7331' },
  { name: 'Sky', hex: '#0a6f94' },
  { name: 'Indigo', hex: '#5c4fd0' },
  { name: 'Olive', hex: '#6b6a12' },
  { name: 'Rust', hex: '#94402f' },
  { name: 'Slate', hex: '#4d6170' },
] as const;

/** The index in the palette for a person: by colour if it is one of ours, otherwise by id, the same on every screen. */
export function paletteIndex(color: string, id: string): number {
  const exact = PALETTE.findIndex((entry) => entry.hex === color.toLowerCase());
  if (exact >= 0) return exact;
  let hash = 0;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash % PALETTE.length;
}
