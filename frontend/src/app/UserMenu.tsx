import { LogOut, Monitor, Moon, Settings, Sun } from 'lucide-react';
import { useNavigate } from 'react-router';
import { UserAvatar } from '@/components/Avatar';
import { Menu, MenuChoice, MenuHeading, MenuItem, MenuLine } from '@/components/Menu';
import { useMe } from '@/features/auth/useAuth';
import { commandDialog, useCommands } from '@/lib/commands';
import { useStore } from '@/lib/store';
import { chooseTheme, themeChoice } from '@/lib/theme';
import styles from './Shell.module.css';
import { useLeave } from './useLeave';

const THEMES = [
  { value: 'system', name: 'Like the system', icon: <Monitor size={15} /> },
  { value: 'light', name: 'Light', icon: <Sun size={15} /> },
  { value: 'dark', name: 'Dark', icon: <Moon size={15} /> },
] as const;

export function UserMenu() {
  const me = useMe();
  const theme = useStore(themeChoice);
  const navigate = useNavigate();
  const { leave, question } = useLeave();
  useCommands(() => [
    { id: 'documents', label: 'Go to your documents', run: () => void navigate('/') },
    { id: 'account', label: 'Go to your account', run: () => void navigate('/account') },
    ...THEMES.map(({ value, name }) => ({ id: `theme-${value}`, label: `Theme: ${name.toLowerCase()}`, run: () => chooseTheme(value) })),
    { id: 'shortcuts', label: 'Keyboard shortcuts', run: () => commandDialog.set('shortcuts') },
    { id: 'sign-out', label: 'Sign out', run: leave },
  ]);
  if (me === null) return null;
  return (
    <>
      <Menu
        trigger={
          <button type="button" className={styles.avatar} aria-label={`Account of ${me.name}`}>
            <UserAvatar user={me} />
          </button>
        }
      >
        <MenuHeading>
          <span className={styles.who}>
            <b>{me.name}</b>
            <span>{me.email}</span>
          </span>
        </MenuHeading>
        <MenuLine />
        <MenuItem icon={<Settings size={15} />} onSelect={() => void navigate('/account')}>
          Account
        </MenuItem>
        <MenuLine />
        <MenuChoice label="Theme" value={theme} options={THEMES} onChange={chooseTheme} />
        <MenuLine />
        <MenuItem icon={<LogOut size={15} />} onSelect={leave}>
          Sign out
        </MenuItem>
      </Menu>
      {question}
    </>
  );
}
