import { type RefObject, useEffect, useRef, useState } from 'react';
import type { Awareness } from 'y-protocols/awareness';
import type { Text } from 'yjs';
import { toast } from '@/components/toasts';
import { useStore } from '@/lib/store';
import { chosenIndent, type Indentation, usualIndent } from '@/lib/indentation';
import { activeTheme } from '@/lib/theme';
import { CodeBinding } from './binding';
import { editor } from './monaco';
import { guardPaste } from './guardPaste';
import { drawPeers } from './peers';
import { publishSelections } from './publish';
import { editorSettings } from './settings';
import { CONTRAST_THEME_NAMES, THEME_NAMES } from './themes';

export interface Shared {
  text: Text;
  awareness: Awareness;
}

export interface CodeEditorOptions {
  canWrite: boolean;
  /** The name of the document, as the editor's accessible name. */
  name: string;
  language: string;
  indentation: Indentation;
}

export const lineHeight = (fontSize: number) => Math.round(fontSize * 1.6);

/** Settings that are the same for every text and every person. */
export const FIXED: editor.IStandaloneEditorConstructionOptions = {
  // Completions are only words of this text: Enter inserts a line.
  acceptSuggestionOnEnter: 'off',
  automaticLayout: true,
  bracketPairColorization: { enabled: true },
  dropIntoEditor: { enabled: false },
  // With it, an edit of others on the line of an input method's composition destroys text.
  editContext: false,
  fixedOverflowWidgets: true,
  glyphMargin: false,
  // In addition to the margin of the container, which numbers of any length keep.
  lineNumbersMinChars: 3,
  fontFamily: "'JetBrains Mono Variable', ui-monospace, Menlo, Consolas, monospace",
  fontLigatures: false,
  occurrencesHighlight: 'singleFile',
  padding: { top: 14, bottom: 14 },
  renderFinalNewline: 'on',
  renderWhitespace: 'selection',
  scrollBeyondLastLine: false,
  stickyScroll: { enabled: true, maxLineCount: 3 },
  // They would split lines that the text does not split.
  unusualLineTerminators: 'off',
  // The theme's colours do not reach into a shadow root: the menu would have no background.
  useShadowDOM: false,
  wordBasedSuggestions: 'currentDocument',
};

/** In prose, a list of words at every letter is in the way. */
const PROSE = new Set(['plaintext', 'markdown', 'restructuredtext']);
const SUGGESTIONS = { other: true, comments: false, strings: false };

/** A Monaco editor in `container`, bound to the shared text; null until it exists. */
export function useCodeEditor(container: RefObject<HTMLElement | null>, { text, awareness }: Shared, options: CodeEditorOptions) {
  const [made, setMade] = useState<editor.IStandaloneCodeEditor | null>(null);
  // The binding reads it at each edit: a role may change while the editor exists.
  const canWrite = useRef(options.canWrite);
  useEffect(() => {
    canWrite.current = options.canWrite;
  }, [options.canWrite]);

  useEffect(() => {
    if (container.current === null) return;
    const model = editor.createModel('', 'plaintext');
    const binding = new CodeBinding({ text, model, canWrite: () => canWrite.current });
    const codeEditor = editor.create(container.current, { ...FIXED, model });
    const view = binding.attach(codeEditor);
    const refused = () => toast('That is too much to paste at once. Upload it as a document of its own.', { tone: 'bad' });
    const undo = [publishSelections(view, awareness), drawPeers(codeEditor, text, awareness), guardPaste(container.current, refused)];
    globalThis.codesyncProbe?.({ model, text, binding });
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the editor is made by an effect: it needs its element
    setMade(codeEditor);
    return () => {
      setMade(null);
      for (const step of undo) step();
      binding.destroy();
      codeEditor.dispose();
      model.dispose();
    };
  }, [container, text, awareness]);

  useOptions(made, options);
  return made;
}

function useOptions(codeEditor: editor.IStandaloneCodeEditor | null, { canWrite, name, language, indentation }: CodeEditorOptions) {
  const settings = useStore(editorSettings);
  const theme = useStore(activeTheme);

  useEffect(() => {
    const contrast = window.matchMedia('(prefers-contrast: more)').matches;
    editor.setTheme((contrast ? CONTRAST_THEME_NAMES : THEME_NAMES)[theme]);
  }, [theme]);

  useEffect(() => {
    const model = codeEditor?.getModel();
    if (model) editor.setModelLanguage(model, language);
    codeEditor?.updateOptions({ quickSuggestions: PROSE.has(language) ? false : SUGGESTIONS });
  }, [codeEditor, language]);

  useEffect(() => {
    const model = codeEditor?.getModel();
    const usual = usualIndent(language, name);
    const chosen = chosenIndent(indentation);
    if (chosen === null) model?.detectIndentation(usual.spaces, usual.size);
    else model?.updateOptions({ insertSpaces: chosen.spaces, tabSize: chosen.size, indentSize: chosen.size });
  }, [codeEditor, language, name, indentation]);

  useEffect(() => {
    codeEditor?.updateOptions({
      ariaLabel: name,
      readOnly: !canWrite,
      domReadOnly: !canWrite,
      readOnlyMessage: { value: 'You can read this document, but not change it.' },
      fontSize: settings.fontSize,
      lineHeight: lineHeight(settings.fontSize),
      wordWrap: settings.wordWrap ? 'on' : 'off',
      minimap: { enabled: settings.minimap },
      tabFocusMode: settings.tabMovesFocus,
    });
  }, [codeEditor, canWrite, name, settings]);
}
