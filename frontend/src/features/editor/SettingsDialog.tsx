import type { ReactNode } from 'react';
import { Select } from '@/components/Field';
import { Modal } from '@/components/Modal';
import { useStore } from '@/lib/store';
import { chooseTheme, type ThemeChoice, themeChoice } from '@/lib/theme';
import { changeSettings, editorSettings, FONT_SIZES } from './settings';
import styles from './SettingsDialog.module.css';

export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const settings = useStore(editorSettings);
  const theme = useStore(themeChoice);
  return (
    <Modal open onClose={onClose} title="Editor settings" description="They are yours, on this device. Nobody else’s editor changes.">
      <div className={styles.pair}>
        <Select label="Theme" value={theme} onChange={(event) => chooseTheme(event.target.value as ThemeChoice)}>
          <option value="system">Like the system</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </Select>
        <Select label="Font size" value={settings.fontSize} onChange={(event) => changeSettings({ fontSize: Number(event.target.value) })}>
          {FONT_SIZES.map((size) => (
            <option key={size} value={size}>
              {size} px
            </option>
          ))}
        </Select>
      </div>
      <Toggle checked={settings.wordWrap} onChange={(wordWrap) => changeSettings({ wordWrap })} hint="Long lines go on below instead of beside.">
        Wrap lines
      </Toggle>
      <Toggle checked={settings.minimap} onChange={(minimap) => changeSettings({ minimap })} hint="The whole text, very small, at the right.">
        Minimap
      </Toggle>
      <Toggle
        checked={settings.tabMovesFocus}
        onChange={(tabMovesFocus) => changeSettings({ tabMovesFocus })}
        hint="Tab leaves the editor instead of indenting. Ctrl+M switches it from the keyboard."
      >
        Tab moves focus
      </Toggle>
    </Modal>
  );
}

interface ToggleProps {
  checked: boolean;
  onChange: (checked: boolean) => void;
  hint: string;
  children: ReactNode;
}

function Toggle({ checked, onChange, hint, children }: ToggleProps) {
  return (
    <label className={styles.toggle}>
      <input type="checkbox" role="switch" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      <span>
        <span className={styles.name}>{children}</span>
        <span className={styles.hint}>{hint}</span>
      </span>
    </label>
  );
}
