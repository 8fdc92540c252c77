import { useEffect, useRef } from 'react';
import { Chooser } from '@/components/Chooser';
import { Modal } from '@/components/Modal';
import { type Command, commandDialog, commands } from '@/lib/commands';
import { useStore } from '@/lib/store';
import styles from './CommandDialogs.module.css';
import { ShortcutsDialog } from './ShortcutsDialog';

/** Our own dialogs and menus; the editor's find widget has the role of a dialog too, but does not count here. */
const OPEN_OVER_PAGE = '[role=dialog][data-state], [role=menu][data-state]';

/** The palette of all commands and the list of keys, on every page with commands; and the keys that open them. */
export function CommandDialogs() {
  const open = useStore(commandDialog);
  // Run after the palette has returned the focus: a dialog that the command opens returns it to the right place.
  const chosen = useRef<Command | null>(null);
  const close = () => commandDialog.set(null);
  useEffect(() => {
    if (open !== null || chosen.current === null) return;
    const { run } = chosen.current;
    chosen.current = null;
    window.setTimeout(run);
  }, [open]);
  useEffect(() => {
    // Before the browser and the editor handle the keys.
    window.addEventListener('keydown', onKeyDown, { capture: true });
    return () => window.removeEventListener('keydown', onKeyDown, { capture: true });
  }, []);
  if (open === 'shortcuts') return <ShortcutsDialog onClose={close} />;
  if (open === null) return null;
  const choose = (command: Command) => {
    chosen.current = command;
    close();
  };
  return <Palette all={commands()} onChoose={choose} onClose={close} />;
}

interface PaletteProps {
  all: readonly Command[];
  onChoose: (command: Command) => void;
  onClose: () => void;
}

function Palette({ all, onChoose, onClose }: PaletteProps) {
  return (
    <Modal open onClose={onClose} title="Commands" size="m">
      <Chooser
        label="Find a command"
        listLabel="Commands"
        find={(query) => matching(all, query)}
        idOf={({ id }) => id}
        render={({ label, group }) => (
          <>
            {label}
            <span className={styles.group}>{group}</span>
          </>
        )}
        none="No such command."
        onChoose={onChoose}
      />
    </Modal>
  );
}

/** Commands that contain every word of the query; first those with a word that begins with it. */
function matching(all: readonly Command[], query: string): Command[] {
  const words = query.split(/\s+/);
  const found = all.filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
  const begins = ({ label }: Command) => ` ${label.toLowerCase()}`.includes(` ${query}`);
  return [...found.filter(begins), ...found.filter((command) => !begins(command))];
}

function onKeyDown(event: KeyboardEvent) {
  const wanted = wantedBy(event);
  if (wanted === null || commands().length === 0) return;
  event.preventDefault();
  event.stopPropagation();
  if (document.querySelector(OPEN_OVER_PAGE) === null) commandDialog.set(wanted);
}

function wantedBy({ key, ctrlKey, metaKey, shiftKey, altKey, target }: KeyboardEvent): 'palette' | 'shortcuts' | null {
  const isPalette = key.toLowerCase() === 'p' && (ctrlKey || metaKey) && shiftKey && !altKey;
  if (isPalette || key === 'F1') return 'palette';
  return key === '?' && !isTyping(target) ? 'shortcuts' : null;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest(`input, textarea, select, ${OPEN_OVER_PAGE}`) !== null);
}
