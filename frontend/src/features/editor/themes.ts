import { editor } from 'monaco-editor/editor';
import type { Theme } from '@/lib/theme';
import { DARK, LIGHT, type Tones } from './tones';

export const THEME_NAMES: Record<Theme, string> = { light: 'codesync-light', dark: 'codesync-dark' };

/** Monaco's own high-contrast themes, for people whose system asks for more contrast. */
export const CONTRAST_THEME_NAMES: Record<Theme, string> = { light: 'hc-light', dark: 'hc-black' };

export function defineThemes() {
  editor.defineTheme(THEME_NAMES.light, theme('vs', LIGHT));
  editor.defineTheme(THEME_NAMES.dark, theme('vs-dark', DARK));
}

function theme(base: 'vs' | 'vs-dark', tones: Tones): editor.IStandaloneThemeData {
  const rule = (token: string, foreground: string, fontStyle = '') => ({ token, foreground, fontStyle });
  return {
    base,
    // The base's own rules bring tokens below the contrast that is asked for.
    inherit: false,
    rules: [
      { token: '', foreground: tones.ink, background: tones.background },
      rule('comment', tones.comment, 'italic'),
      rule('keyword', tones.keyword),
      rule('keyword.json', tones.number),
      rule('string', tones.string),
      rule('string.escape', tones.number),
      rule('string.invalid', tones.invalid),
      rule('string.link', tones.function, 'underline'),
      rule('number', tones.number),
      rule('regexp', tones.regexp),
      rule('type', tones.type),
      rule('class', tones.type),
      rule('namespace', tones.type),
      rule('function', tones.function),
      rule('entity.name.function', tones.function),
      rule('annotation', tones.function),
      rule('attribute.name', tones.type),
      rule('attribute.value', tones.string),
      rule('variable', tones.ink),
      rule('variable.predefined', tones.function),
      rule('predefined', tones.function),
      rule('constant', tones.number),
      rule('tag', tones.tag),
      rule('metatag', tones.keyword),
      rule('delimiter', tones.quiet),
      rule('operator', tones.quiet),
      rule('key', tones.type),
      rule('strong', tones.ink, 'bold'),
      rule('emphasis', tones.ink, 'italic'),
      rule('invalid', tones.invalid),
    ],
    colors: colors(tones),
  };
}

function colors(tones: Tones): editor.IColors {
  const brackets = [tones.function, tones.keyword, tones.number, tones.type, tones.string, tones.tag];
  return {
    'editor.background': `#${tones.background}`,
    'editor.foreground': `#${tones.ink}`,
    'editor.lineHighlightBackground': `#${tones.line}`,
    'editor.lineHighlightBorder': `#${tones.line}00`,
    'editor.selectionBackground': `#${tones.selection}`,
    'editor.inactiveSelectionBackground': `#${tones.selection}90`,
    'editor.selectionHighlightBackground': `#${tones.selection}70`,
    'editor.wordHighlightBackground': `#${tones.selection}70`,
    'editor.wordHighlightTextBackground': `#${tones.selection}70`,
    'editor.findMatchBackground': `#${tones.match}`,
    'editor.findMatchHighlightBackground': `#${tones.match}90`,
    'editorCursor.foreground': `#${tones.ink}`,
    'editorLineNumber.foreground': `#${tones.quiet}`,
    'editorLineNumber.activeForeground': `#${tones.ink}`,
    'editorIndentGuide.background1': `#${tones.border}`,
    'editorIndentGuide.activeBackground1': `#${tones.quiet}80`,
    'editorBracketMatch.background': `#${tones.selection}80`,
    'editorBracketMatch.border': `#${tones.accent}80`,
    'editorGutter.background': `#${tones.background}`,
    'editorOverviewRuler.border': `#${tones.border}`,
    'editorWidget.background': `#${tones.raised}`,
    'editorWidget.foreground': `#${tones.ink}`,
    'editorWidget.border': `#${tones.border}`,
    'editorHoverWidget.background': `#${tones.raised}`,
    'editorHoverWidget.border': `#${tones.border}`,
    'editorSuggestWidget.background': `#${tones.raised}`,
    'editorSuggestWidget.foreground': `#${tones.ink}`,
    'editorSuggestWidget.selectedBackground': `#${tones.selection}`,
    'editorSuggestWidget.selectedForeground': `#${tones.ink}`,
    'editorSuggestWidget.highlightForeground': `#${tones.accent}`,
    'editorSuggestWidget.focusHighlightForeground': `#${tones.accent}`,
    'editorStickyScroll.background': `#${tones.background}`,
    'editorStickyScrollHover.background': `#${tones.line}`,
    'menu.background': `#${tones.raised}`,
    'menu.foreground': `#${tones.ink}`,
    'menu.selectionBackground': `#${tones.selection}`,
    'menu.selectionForeground': `#${tones.ink}`,
    'menu.separatorBackground': `#${tones.border}`,
    'quickInput.background': `#${tones.raised}`,
    'quickInput.foreground': `#${tones.ink}`,
    'quickInputList.focusBackground': `#${tones.selection}`,
    'quickInputList.focusForeground': `#${tones.ink}`,
    'pickerGroup.foreground': `#${tones.quiet}`,
    'input.background': `#${tones.background}`,
    'input.foreground': `#${tones.ink}`,
    'input.border': `#${tones.border}`,
    'inputOption.activeBackground': `#${tones.selection}`,
    'inputOption.activeForeground': `#${tones.ink}`,
    'list.hoverBackground': `#${tones.line}`,
    'list.highlightForeground': `#${tones.accent}`,
    'list.focusHighlightForeground': `#${tones.accent}`,
    'minimap.background': `#${tones.background}`,
    'widget.shadow': `#${tones.shadow}`,
    'widget.border': `#${tones.border}`,
    'scrollbar.shadow': '#00000000',
    'scrollbarSlider.background': `#${tones.quiet}40`,
    'scrollbarSlider.hoverBackground': `#${tones.quiet}66`,
    'scrollbarSlider.activeBackground': `#${tones.quiet}80`,
    'textLink.foreground': `#${tones.function}`,
    focusBorder: `#${tones.accent}`,
    ...Object.fromEntries(brackets.map((tone, index) => [`editorBracketHighlight.foreground${index + 1}`, `#${tone}`])),
    'editorBracketHighlight.unexpectedBracket.foreground': `#${tones.invalid}`,
  };
}
