import { Download, Eye, History, Keyboard, LogOut, MoreHorizontal, Settings2, Share2, Trash2 } from 'lucide-react';
import { Link } from 'react-router';
import { Badge } from '@/components/Badge';
import { Button, IconButton } from '@/components/Button';
import { LogoMark } from '@/components/Logo';
import { Menu, MenuItem, MenuLine } from '@/components/Menu';
import { TitleField } from '@/features/documents/TitleField';
import { People } from '@/features/presence/People';
import type { OpenDocument } from '@/features/session/openDocument';
import { SaveState } from '@/features/session/SaveState';
import type { Status } from '@/features/session/status';
import { commandDialog } from '@/lib/commands';
import type { Peer } from '@/lib/peer';
import { useMedia } from '@/lib/useMedia';
import { UserMenu } from '../UserMenu';
import styles from './EditorPage.module.css';
import type { EditorDialog } from './useEditorCommands';

interface EditorHeaderProps {
  open: OpenDocument;
  status: Status;
  title: string;
  /** Whether a dialog is available to this person now. */
  offers: (dialog: EditorDialog) => boolean;
  /** Absent if this person may not rename. */
  onTitle: ((title: string) => void) | undefined;
  onDialog: (dialog: EditorDialog) => void;
  onFind: (person: Peer) => void;
}

export function EditorHeader({ open, status, title, offers, onTitle, onDialog, onFind }: EditorHeaderProps) {
  const narrow = useMedia('(max-width: 40rem)');
  return (
    <header className={styles.bar}>
      <Link to="/" className={styles.home} aria-label="Your documents">
        <LogoMark />
      </Link>
      <TitleField title={title} onRename={onTitle} />
      {status.role === 'viewer' && (
        <Badge tone="warn">
          <Eye size={13} aria-hidden />
          View only
        </Badge>
      )}
      <SaveState open={open} />
      <span className={styles.gap} />
      <People awareness={open.awareness} shownMax={narrow ? 1 : 5} onFind={onFind} />
      {offers('share') && (
        <Button tone="primary" size="s" className={styles.share} onClick={() => onDialog('share')}>
          <Share2 size={15} aria-hidden />
          Share
        </Button>
      )}
      <Menu
        trigger={
          <IconButton label="More">
            <MoreHorizontal size={19} aria-hidden />
          </IconButton>
        }
      >
        {offers('history') && (
          <MenuItem icon={<History size={15} />} onSelect={() => onDialog('history')}>
            Version history…
          </MenuItem>
        )}
        <MenuItem icon={<Download size={15} />} onSelect={() => onDialog('download')}>
          Download…
        </MenuItem>
        <MenuItem icon={<Settings2 size={15} />} onSelect={() => onDialog('settings')}>
          Editor settings…
        </MenuItem>
        <MenuItem icon={<Keyboard size={15} />} onSelect={() => commandDialog.set('shortcuts')}>
          Keyboard shortcuts
        </MenuItem>
        {offers('leave') && (
          <>
            <MenuLine />
            <MenuItem icon={<LogOut size={15} />} danger onSelect={() => onDialog('leave')}>
              Leave document…
            </MenuItem>
          </>
        )}
        {offers('delete') && (
          <>
            <MenuLine />
            <MenuItem icon={<Trash2 size={15} />} danger onSelect={() => onDialog('delete')}>
              Delete document…
            </MenuItem>
          </>
        )}
      </Menu>
      <UserMenu />
    </header>
  );
}
