import { useEffect } from 'react';
import { toast } from '@/components/toasts';
import type { editor } from '@/features/editor/monaco';

export type EditorDialog = 'share' | 'download' | 'settings' | 'shortcuts' | 'delete';

const COMMANDS: readonly { dialog: EditorDialog; label: string }[] = [
  { dialog: 'download', label: 'CodeSync: Download' },
  { dialog: 'settings', label: 'CodeSync: Editor settings' },
  { dialog: 'shortcuts', label: 'CodeSync: Keyboard shortcuts' },
];

/** The page's commands in the editor's palette, and an answer to the habit of saving. */
export function useEditorCommands(codeEditor: editor.IStandaloneCodeEditor | null, onDialog: (dialog: EditorDialog) => void) {
  useEffect(() => {
    const actions = COMMANDS.map(({ dialog, label }) =>
      codeEditor?.addAction({ id: `codesync.${dialog}`, label, run: () => onDialog(dialog) }),
    );
    return () => {
      for (const action of actions) action?.dispose();
    };
  }, [codeEditor, onDialog]);

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const save = event.key.toLowerCase() === 's' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
      if (!save) return;
      event.preventDefault();
      toast('Every change is saved automatically as you type.');
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}
