import { useEffect } from 'react';
import { dismissToast, toast } from '@/components/toasts';
import type { editor } from '@/features/editor/monaco';
import { saveWords } from '@/features/session/saveWords';
import type { Status } from '@/features/session/status';
import type { Store } from '@/lib/store';

export type EditorDialog = 'share' | 'history' | 'download' | 'settings' | 'shortcuts' | 'delete' | 'leave';

const COMMANDS: readonly { dialog: EditorDialog; label: string }[] = [
  { dialog: 'share', label: 'CodeSync: Share' },
  { dialog: 'history', label: 'CodeSync: Version history' },
  { dialog: 'download', label: 'CodeSync: Download' },
  { dialog: 'settings', label: 'CodeSync: Editor settings' },
  { dialog: 'shortcuts', label: 'CodeSync: Keyboard shortcuts' },
];

/** What the page has a button for already. */
const PICKERS: readonly { id: string; label: string; button: string }[] = [
  { id: 'codesync.language', label: 'CodeSync: Change language', button: 'Language:' },
  { id: 'codesync.lineEnd', label: 'CodeSync: Change line ends', button: 'Line ends:' },
  { id: 'codesync.indentation', label: 'CodeSync: Change indentation', button: 'Indentation:' },
];

function press(label: string) {
  // The palette gives the focus back first.
  window.setTimeout(() => document.querySelector<HTMLButtonElement>(`button[aria-label^="${label}"]`)?.click());
}

function isPaletteKey({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === 'p' && (ctrlKey || metaKey) && shiftKey && !altKey;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest('input, textarea, select, [role=dialog], [role=listbox], [role=menu]') !== null);
}

interface Commands {
  onDialog: (dialog: EditorDialog) => void;
  canShare: boolean;
}

/** The page's commands in the editor's palette, by keys too, and an answer to the habit of saving. */
export function useEditorCommands(codeEditor: editor.IStandaloneCodeEditor | null, status: Store<Status>, { onDialog, canShare }: Commands) {
  useEffect(() => {
    const shown = COMMANDS.filter(({ dialog }) => dialog !== 'share' || canShare);
    const actions = [
      ...shown.map(({ dialog, label }) => ({ id: `codesync.${dialog}`, label, run: () => onDialog(dialog) })),
      ...PICKERS.map(({ id, label, button }) => ({ id, label, run: () => press(button) })),
    ].map((action) => codeEditor?.addAction(action));
    return () => {
      for (const action of actions) action?.dispose();
    };
  }, [codeEditor, onDialog, canShare]);

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (isPaletteKey(event)) {
        event.preventDefault();
        codeEditor?.focus();
        codeEditor?.trigger('keyboard', 'editor.action.quickCommand', null);
      } else if (event.key === '?' && !isTyping(event.target)) {
        event.preventDefault();
        onDialog('shortcuts');
      }
    };
    // Before the browser's own use of it, and before the editor's.
    window.addEventListener('keydown', onKeyDown, { capture: true });
    return () => window.removeEventListener('keydown', onKeyDown, { capture: true });
  }, [codeEditor, onDialog]);

  useEffect(() => {
    // What is said of a state must not outlast it.
    let said = { toast: 0, phase: status.get().phase };
    const forget = () => {
      if (said.phase !== status.get().phase) dismissToast(said.toast);
    };
    const onKeyDown = (event: KeyboardEvent) => {
      const save = event.key.toLowerCase() === 's' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
      if (!save) return;
      event.preventDefault();
      said = { toast: answerSaving(status.get()), phase: status.get().phase };
    };
    const unsubscribe = status.subscribe(forget);
    window.addEventListener('keydown', onKeyDown);
    return () => {
      dismissToast(said.toast);
      unsubscribe();
      window.removeEventListener('keydown', onKeyDown);
    };
  }, [status]);
}

function answerSaving(status: Status): number {
  const words = saveWords(status, 0);
  if (words === null) return toast('You are only viewing this document: there is nothing to save.');
  if (words.tone === 'ok' || words.tone === 'busy') return toast('Every change is saved automatically as you type.');
  return toast(`${words.text}.`, { tone: 'bad' });
}
