import { useEffect } from 'react';
import { dismissToast, toast } from '@/components/toasts';
import type { editor } from '@/features/editor/monaco';
import { saveWords } from '@/features/session/saveWords';
import type { Status } from '@/features/session/status';
import { type Command, commandDialog, useCommands } from '@/lib/commands';
import type { Store } from '@/lib/store';

export type EditorDialog = 'share' | 'history' | 'download' | 'settings' | 'delete' | 'leave';

const PALETTE = 'codesync.palette';

const DIALOGS: readonly { dialog: EditorDialog; label: string }[] = [
  { dialog: 'share', label: 'Share…' },
  { dialog: 'history', label: 'Version history…' },
  { dialog: 'download', label: 'Download…' },
  { dialog: 'settings', label: 'Editor settings…' },
  { dialog: 'leave', label: 'Leave document…' },
  { dialog: 'delete', label: 'Delete document…' },
];

interface Commands {
  onDialog: (dialog: EditorDialog) => void;
  /** Whether a dialog is available to this person now. */
  offers: (dialog: EditorDialog) => boolean;
}

/** The commands of the page and the editor in the palette, and an answer to Ctrl+S. */
export function useEditorCommands(codeEditor: editor.IStandaloneCodeEditor | null, status: Store<Status>, { onDialog, offers }: Commands) {
  useCommands(() => [
    ...DIALOGS.filter(({ dialog }) => offers(dialog)).map(({ dialog, label }) => ({ id: dialog, label, run: () => onDialog(dialog) })),
    ...editorCommands(codeEditor),
  ]);

  useEffect(() => {
    const entry = codeEditor?.addAction({ id: PALETTE, label: 'All commands', contextMenuGroupId: 'z_commands', run: () => commandDialog.set('palette') });
    return () => entry?.dispose();
  }, [codeEditor]);

  useEffect(() => {
    // A message about a state must not outlast it.
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

/** The editor's own commands; those that write are left out for viewers. */
function editorCommands(codeEditor: editor.IStandaloneCodeEditor | null): Command[] {
  const actions = codeEditor?.getSupportedActions() ?? [];
  return actions
    .filter(({ id, label }) => id !== PALETTE && label !== '')
    .map(({ id, label }) => ({
      id,
      label,
      group: 'Editor',
      run: () => {
        codeEditor?.focus();
        codeEditor?.trigger('palette', id, null);
      },
    }));
}

function answerSaving(status: Status): number {
  const words = saveWords(status, 0);
  if (words === null) return toast('You are only viewing this document: there is nothing to save.');
  if (words.tone === 'ok' || words.tone === 'busy') return toast('Every change is saved automatically as you type.');
  return toast(`${words.text}.`, { tone: 'bad' });
}
