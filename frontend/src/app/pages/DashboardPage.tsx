import { FilePlus2, Search, Upload } from 'lucide-react';
import { Tabs } from 'radix-ui';
import { useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { Button } from '@/components/Button';
import { TabList } from '@/components/Tabs';
import { useMe } from '@/features/auth/useAuth';
import { DeleteDialog } from '@/features/documents/DeleteDialog';
import type { DocumentAction } from '@/features/documents/DocumentList';
import { DropZone } from '@/features/documents/DropZone';
import { NewDocumentDialog } from '@/features/documents/NewDocumentDialog';
import { RenameDialog } from '@/features/documents/RenameDialog';
import type { Whose } from '@/features/documents/useDocuments';
import { useUpload } from '@/features/documents/useUpload';
import { LeaveDialog } from '@/features/sharing/LeaveDialog';
import { ShareDialog } from '@/features/sharing/ShareDialog';
import type { Document } from '@/lib/api/types';
import { useCommands } from '@/lib/commands';
import { useDebounced } from '@/lib/useDebounced';
import { useTitle } from '@/lib/useTitle';
import styles from './DashboardPage.module.css';
import { DocumentsPanel } from './DocumentsPanel';

const TABS: readonly { value: Whose; name: string }[] = [
  { value: 'mine', name: 'My documents' },
  { value: 'shared', name: 'Shared with me' },
];

export function DashboardPage() {
  const navigate = useNavigate();
  const me = useMe();
  const [search, setSearch] = useState('');
  const query = useDebounced(search.trim(), 250);
  const [creating, setCreating] = useState(false);
  const [dialog, setDialog] = useState<{ action: DocumentAction; document: Document } | null>(null);
  const files = useRef<HTMLInputElement>(null);
  const open = (id: string) => void navigate(`/d/${id}`);
  const { upload, uploading } = useUpload(open);
  useTitle('Documents');
  useCommands(() => [
    { id: 'new', label: 'New document…', run: () => setCreating(true) },
    { id: 'upload', label: 'Upload files…', run: () => files.current?.click() },
  ]);

  const close = () => setDialog(null);
  const newButton = (
    <Button tone="primary" onClick={() => setCreating(true)}>
      <FilePlus2 size={17} aria-hidden />
      New document
    </Button>
  );
  return (
    <DropZone onFiles={upload}>
      <div className={styles.page}>
        <header className={styles.head}>
          <h1 className={styles.title}>Documents</h1>
          <div className={styles.actions}>
            <Button onClick={() => files.current?.click()}>
              <Upload size={17} aria-hidden />
              {uploading ? `Uploading ${uploading.done} of ${uploading.all}…` : 'Upload'}
            </Button>
            {newButton}
          </div>
          <input
            ref={files}
            type="file"
            multiple
            hidden
            aria-label="Files to upload"
            onChange={(event) => {
              upload([...(event.target.files ?? [])]);
              event.target.value = '';
            }}
          />
        </header>
        <Tabs.Root defaultValue="mine" activationMode="manual">
          <div className={styles.tools}>
            <TabList label="Whose documents" tabs={TABS} />
            <label className={styles.search}>
              <Search size={16} aria-hidden />
              <span className="sr-only">Search documents</span>
              <input type="search" placeholder="Search" value={search} onChange={(event) => setSearch(event.target.value)} />
            </label>
          </div>
          {TABS.map(({ value }) => (
            <Tabs.Content key={value} value={value} className={styles.panel}>
              <DocumentsPanel whose={value} query={query} newButton={newButton} onAction={(action, document) => setDialog({ action, document })} />
            </Tabs.Content>
          ))}
        </Tabs.Root>
      </div>
      <NewDocumentDialog open={creating} onClose={() => setCreating(false)} onCreated={open} />
      {dialog?.action === 'rename' && <RenameDialog document={dialog.document} onClose={close} />}
      {dialog?.action === 'delete' && <DeleteDialog document={dialog.document} onClose={close} />}
      {dialog?.action === 'leave' && me && <LeaveDialog documentId={dialog.document.id} title={dialog.document.title} me={me.id} onClose={close} />}
      {dialog?.action === 'share' && me && <ShareDialog documentId={dialog.document.id} title={dialog.document.title} me={me.id} onClose={close} />}
    </DropZone>
  );
}
