import { Tabs } from 'radix-ui';
import { type ReactNode, useState } from 'react';
import { Button } from '@/components/Button';
import { Confirm } from '@/components/Confirm';
import { FormError } from '@/components/Field';
import { Modal } from '@/components/Modal';
import { Skeleton } from '@/components/Skeleton';
import { TabList } from '@/components/Tabs';
import { toast } from '@/components/toasts';
import { explain } from '@/lib/api/errors';
import type { Version } from '@/lib/api/types';
import { exactTime } from '@/lib/time';
import styles from './History.module.css';
import { NameVersion } from './NameVersion';
import { RenameVersion } from './RenameVersion';
import { useDeleteVersion, useRestoreVersion, useVersions, useVersionText } from './useVersions';
import { VersionList } from './VersionList';

interface HistoryDialogProps {
  documentId: string;
  /** Whether this person may name and restore versions. */
  writable: boolean;
  /** Settles once the server has every edit of this page. */
  flush: () => Promise<void>;
  /** Called with the name of the restored version. */
  onRestored: (called: string) => void;
  /** Replaces the current text, as an edit of this person. */
  replaceText: (text: string) => void;
  /** The current text. */
  text: () => string;
  /** Whether this person may change names by others. */
  owner: boolean;
  /** The id of this person. */
  me: string;
  /** Renders a text as the editor would. */
  showText: (text: string) => ReactNode;
  /** Renders the changes from a text to the current one. */
  showChanges: (text: string) => ReactNode;
  onClose: () => void;
}

/** The versions of the document, to read and to restore. */
export function HistoryDialog({ documentId, writable, flush, onClose, ...more }: HistoryDialogProps) {
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage } = useVersions(documentId);
  const [chosen, setChosen] = useState<Version | null>(null);
  const versions = data?.pages.flatMap((page) => page.items) ?? [];
  const shown = chosen ?? versions[0];
  return (
    <Modal open onClose={onClose} title="Version history" description="CodeSync keeps versions by itself as the text changes. One with a name stays for good." size="l">
      {writable && <NameVersion documentId={documentId} flush={flush} onNamed={setChosen} />}
      <FormError>{error && explain(error)}</FormError>
      {isPending && <Skeleton width="100%" height="8rem" />}
      {!isPending && !error && !shown && <p className={styles.none}>Nothing has been kept yet. The first version comes some seconds after the first change.</p>}
      {shown && (
        <div className={styles.both}>
          <div className={styles.side}>
            <VersionList versions={versions} shown={shown.id} onShow={setChosen} />
            {hasNextPage && (
              <Button size="s" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                Show more
              </Button>
            )}
          </div>
          <Shown key={shown.id} {...{ documentId, writable, flush, ...more }} version={shown} onClose={onClose} />
        </div>
      )}
    </Modal>
  );
}

const TABS = [
  { value: 'text', name: 'Text' },
  { value: 'changes', name: 'Changes since then' },
] as const;

interface ShownProps extends HistoryDialogProps {
  version: Version;
}

function Shown({ documentId, version, writable, flush, showText, showChanges, replaceText, text: present, owner, me, onRestored, onClose }: ShownProps) {
  const text = useVersionText(documentId, version.id);
  const restore = useRestoreVersion(documentId, flush);
  const remove = useDeleteVersion(documentId);
  const [asking, setAsking] = useState<'restore' | 'rename' | 'delete' | null>(null);
  const close = () => setAsking(null);
  const show = {
    text: (data: string) => (data === '' ? <p className={styles.none}>It was empty.</p> : showText(data)),
    changes: showChanges,
  };
  const called = version.name === null ? `the version of ${exactTime(version.created_at)}` : `“${version.name}”`;
  const mayChange = owner || (version.name !== null && version.author?.id === me);
  const go = () => {
    const before = present();
    const onSuccess = () => {
      toast(`The text is back at ${called}.`, { action: { label: 'Undo', run: () => replaceText(before) } });
      onRestored(called);
      onClose();
    };
    restore.mutate(version.id, { onSuccess });
  };
  return (
    <section className={styles.text} aria-label="The version">
      <Tabs.Root className={styles.view} defaultValue="text">
        <TabList label="What to show" tabs={TABS} />
        {TABS.map(({ value }) => (
          <Tabs.Content key={value} value={value} className={styles.code}>
            {text.isPending && <Skeleton width="60%" height="0.8rem" />}
            {text.error && <FormError>{explain(text.error)}</FormError>}
            {text.data !== undefined && show[value](text.data)}
          </Tabs.Content>
        ))}
      </Tabs.Root>
      {writable && (
        <div className={styles.actions}>
          {mayChange && (
            <Button tone="quiet" onClick={() => setAsking('delete')}>
              Delete…
            </Button>
          )}
          {(mayChange || version.name === null) && (
            <Button tone="quiet" onClick={() => setAsking('rename')}>
              {version.name === null ? 'Name…' : 'Rename…'}
            </Button>
          )}
          <Button disabled={text.data === undefined} onClick={() => setAsking('restore')}>
            Restore this version…
          </Button>
        </div>
      )}
      {asking === 'rename' && <RenameVersion documentId={documentId} version={version} onClose={close} />}
      <Confirm
        open={asking === 'delete'}
        title="Delete this version?"
        verb="Delete"
        busy={remove.isPending}
        error={remove.error && explain(remove.error)}
        onConfirm={() => remove.mutate(version.id, { onSuccess: close })}
        onClose={close}
      >
        <bdi>{called}</bdi> can then be neither read nor restored by anyone. The text of the document stays as it is.
      </Confirm>
      <Confirm
        open={asking === 'restore'}
        title="Restore this version?"
        verb="Restore"
        tone="primary"
        busy={restore.isPending}
        error={restore.error && explain(restore.error)}
        onConfirm={go}
        onClose={close}
      >
        The text goes back to <bdi>{called}</bdi> for everyone who has it open. What is there now is kept as a version too.
      </Confirm>
    </section>
  );
}
