import { LogOut, MoreHorizontal, Pencil, Share2, Trash2 } from 'lucide-react';
import { Link } from 'react-router';
import { Badge } from '@/components/Badge';
import { IconButton } from '@/components/Button';
import { LanguageBadge } from '@/components/LanguageBadge';
import { Menu, MenuItem, MenuLine } from '@/components/Menu';
import { Skeleton } from '@/components/Skeleton';
import type { Document } from '@/lib/api/types';
import { languageById } from '@/lib/languages';
import { fileSize } from '@/lib/text';
import { ago, exactTime } from '@/lib/time';
import styles from './DocumentList.module.css';

export type DocumentAction = 'share' | 'rename' | 'delete' | 'leave';

interface DocumentListProps {
  documents: readonly Document[];
  onAction: (action: DocumentAction, document: Document) => void;
}

export function DocumentList({ documents, onAction }: DocumentListProps) {
  return (
    <ul className={styles.list}>
      {documents.map((document) => (
        <Row key={document.id} document={document} onAction={(action) => onAction(action, document)} />
      ))}
    </ul>
  );
}

function Row({ document, onAction }: { document: Document; onAction: (action: DocumentAction) => void }) {
  const { id, title, language, role, owner, updated_at, size_bytes } = document;
  return (
    <li className={styles.row}>
      <LanguageBadge id={language} />
      <div className={styles.main}>
        <Link to={`/d/${id}`} className={styles.title} dir="auto">
          {title}
        </Link>
        <p className={styles.facts}>
          {role !== 'owner' && (
            <span className={styles.owner} dir="auto" title={owner.name}>
              {owner.name}
            </span>
          )}
          <span title={exactTime(updated_at)}>Edited {ago(updated_at)}</span>
          <span className={styles.minor}>{languageById(language).name}</span>
          <span className={styles.minor}>{fileSize(size_bytes)}</span>
        </p>
      </div>
      {role === 'viewer' && <Badge>View only</Badge>}
      {role === 'editor' && <Badge tone="accent">Can edit</Badge>}
      <Menu
        trigger={
          <IconButton label={`Actions for ${title}`} className={styles.more}>
            <MoreHorizontal size={18} aria-hidden />
          </IconButton>
        }
      >
        {role === 'owner' && (
          <MenuItem icon={<Share2 size={15} />} onSelect={() => onAction('share')}>
            Share…
          </MenuItem>
        )}
        {role !== 'viewer' && (
          <MenuItem icon={<Pencil size={15} />} onSelect={() => onAction('rename')}>
            Rename…
          </MenuItem>
        )}
        {role !== 'viewer' && <MenuLine />}
        {role === 'owner' ? (
          <MenuItem icon={<Trash2 size={15} />} danger onSelect={() => onAction('delete')}>
            Delete…
          </MenuItem>
        ) : (
          <MenuItem icon={<LogOut size={15} />} danger onSelect={() => onAction('leave')}>
            Leave…
          </MenuItem>
        )}
      </Menu>
    </li>
  );
}

/** The shape of the list while it is loading. */
export function DocumentListSkeleton() {
  return (
    <div className={styles.list} role="status" aria-label="Loading documents">
      {['14rem', '9rem', '18rem', '11rem'].map((width) => (
        <div key={width} className={styles.row}>
          <Skeleton width="2.25rem" height="2.25rem" />
          <div className={styles.main}>
            <Skeleton width={width} />
            <Skeleton width="12rem" height="0.8em" />
          </div>
        </div>
      ))}
    </div>
  );
}
