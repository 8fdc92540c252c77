import { Fragment } from 'react';
import { Modal } from '@/components/Modal';
import styles from './ShortcutsDialog.module.css';

const MAC = /mac/i.test(navigator.userAgent);
const CTRL = MAC ? '⌘' : 'Ctrl';
const ALT = MAC ? '⌥' : 'Alt';

const GROUPS: { name: string; keys: [string, string[]][] }[] = [
  {
    name: 'Everyday',
    keys: [
      ['All commands', [CTRL, 'Shift', 'P']],
      ['This list', ['?']],
      ['Find', [CTRL, 'F']],
      ['Replace', MAC ? ['⌘', '⌥', 'F'] : ['Ctrl', 'H']],
      ['Undo your own edits', [CTRL, 'Z']],
      ['Redo', MAC ? ['⌘', '⇧', 'Z'] : ['Ctrl', 'Y']],
      ['Go to line', ['Ctrl', 'G']],
    ],
  },
  {
    name: 'Editing',
    keys: [
      ['Offer words of this text', ['Ctrl', 'Space']],
      ['Select next occurrence', [CTRL, 'D']],
      ['Add a caret', [ALT, 'Click']],
      ['Move line', [ALT, '↑ ↓']],
      ['Copy line', ['Shift', ALT, '↑ ↓']],
      ['Comment out', [CTRL, '/']],
      ['Fold, unfold', MAC ? ['⌘', '⌥', '[ ]'] : ['Ctrl', 'Shift', '[ ]']],
    ],
  },
  {
    name: 'Without a mouse',
    keys: [
      ['Tab indents or moves focus', MAC ? ['Ctrl', 'Shift', 'M'] : ['Ctrl', 'M']],
      ['Leave a list or dialog', ['Esc']],
    ],
  },
];

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Modal open onClose={onClose} title="Keyboard shortcuts" description="Saving needs none: every change is saved as you type.">
      {GROUPS.map(({ name, keys }) => (
        <section key={name} className={styles.group}>
          <h3 className={styles.name}>{name}</h3>
          <dl className={styles.keys}>
            {keys.map(([what, parts]) => (
              <Fragment key={what}>
                <dt>{what}</dt>
                <dd>
                  {parts.map((part) => (
                    <kbd key={part} className={styles.key}>
                      {part}
                    </kbd>
                  ))}
                </dd>
              </Fragment>
            ))}
          </dl>
        </section>
      ))}
    </Modal>
  );
}
