import type { Indentation } from './api/types';

export type { Indentation };

/** One level of indentation: a tab that is drawn `size` wide, or as many spaces. */
export interface Indent {
  spaces: boolean;
  size: number;
}

export const INDENTATIONS: readonly { value: Indentation; name: string }[] = [
  { value: 'auto', name: 'As in the text' },
  { value: 'tab', name: 'Tab' },
  { value: 'space2', name: '2 spaces' },
  { value: 'space3', name: '3 spaces' },
  { value: 'space4', name: '4 spaces' },
  { value: 'space8', name: '8 spaces' },
];

const TAB: Indent = { spaces: false, size: 4 };
const TABS = new Set(['go']);
/** Files that need tabs, by name: Monaco has no language for them. */
const TAB_FILES = /^(gnu)?makefile$|\.mk$|^go\.mod$|^\.gitmodules$/i;
const FOURS = new Set('bat c cpp csharp fsharp java julia kotlin objective-c pascal perl php plaintext powershell python rust sol swift vb'.split(' '));

/** The usual indentation of a language, for a text that has none yet. */
export function usualIndent(language: string, title: string): Indent {
  if (TABS.has(language) || TAB_FILES.test(title.trim())) return TAB;
  return { spaces: true, size: FOURS.has(language) ? 4 : 2 };
}

/** The chosen indentation; null without one. */
export function chosenIndent(indentation: Indentation): Indent | null {
  if (indentation === 'auto') return null;
  return indentation === 'tab' ? TAB : { spaces: true, size: Number(indentation.slice('space'.length)) };
}
