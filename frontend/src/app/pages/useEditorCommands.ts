import { useEffect } from 'react';
import { dismissToast, toast } from '@/components/toasts';
import type { editor } from '@/features/editor/monaco';
import { saveWords } from '@/features/session/saveWords';
import type { Status } from '@/features/session/status';
import type { Store } from '@/lib/store';

export type EditorDialog = 'share' | 'history' | 'download' | 'settings' | 'shortcuts' | 'delete' | 'leave';

const COMMANDS: readonly { dialog: EditorDialog; label: string }[] = [
  { dialog: 'history', label: 'CodeSync: Version history' },
  { dialog: 'download', label: 'CodeSync: Download' },
  { dialog: 'settings', label: 'CodeSync: Editor settings' },
  { dialog: 'shortcuts', label: 'CodeSync: Keyboard shortcuts' },
];

/** The page's commands in the editor's palette, and an answer to the habit of saving. */
export function useEditorCommands(codeEditor: editor.IStandaloneCodeEditor | null, status: Store<Status>, onDialog: (dialog: EditorDialog) => void) {
  useEffect(() => {
    const actions = COMMANDS.map(({ dialog, label }) =>
      codeEditor?.addAction({ id: `codesync.${dialog}`, label, run: () => onDialog(dialog) }),
    );
    return () => {
      for (const action of actions) action?.dispose();
    };
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
