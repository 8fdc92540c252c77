/** The colours of one editor theme, in Monaco's form: hex without the hash. */
export interface Tones {
  ink: string;
  quiet: string;
  comment: string;
  keyword: string;
  string: string;
  number: string;
  type: string;
  function: string;
  tag: string;
  regexp: string;
  invalid: string;
  background: string;
  raised: string;
  line: string;
  border: string;
  selection: string;
  match: string;
  added: string;
  removed: string;
  accent: string;
  shadow: string;
}

// Every text colour has a contrast of at least 4.5 on all possible backgrounds: `background`, `line`, `selection`, `match`, `added`,
// `removed`, and the tint of any selection. tones.test.ts checks it.
export const LIGHT: Tones = {
  ink: '191c1b',
  quiet: '4c5450',
  comment: '4d5853',
  keyword: '85258a',
  string: '125c32',
  number: '8a3c06',
  type: '08567a',
  function: '214bad',
  tag: '97251a',
  regexp: '863318',
  invalid: 'a8231a',
  background: 'ffffff',
  raised: 'ffffff',
  line: 'f4f5f1',
  border: 'dfdfd7',
  selection: 'd5ebe7',
  match: 'fdebba',
  added: 'd3f0da',
  removed: 'fbdeda',
  accent: '0b6b60',
  shadow: '191c1b33',
};

export const DARK: Tones = {
  ink: 'e3e7e6',
  quiet: 'abb3b1',
  comment: 'a7b1ad',
  keyword: 'd9a6ff',
  string: '93d89b',
  number: 'f3b472',
  type: '77cdf0',
  function: '93b9ff',
  tag: 'ffa79b',
  regexp: 'f4ad97',
  invalid: 'ffa199',
  background: '161819',
  raised: '202428',
  line: '1d2022',
  border: '2b3035',
  selection: '17403a',
  match: '453709',
  added: '1b4229',
  removed: '502522',
  accent: '57d3bb',
  shadow: '000000aa',
};
