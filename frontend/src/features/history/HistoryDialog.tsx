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
import { useRestoreVersion, useVersions, useVersionText } from './useVersions';
import { VersionList } from './VersionList';

interface HistoryDialogProps {
  documentId: string;
  /** Whether this person may name versions and go back to one. */
  writable: boolean;
  /** Settles once the server has every edit of this page. */
  flush: () => Promise<void>;
  /** Shows a text as the editor would. */
  showText: (text: string) => ReactNode;
  /** Shows what became of a text until now. */
  showChanges: (text: string) => ReactNode;
  onClose: () => void;
}

/** What the document was: states to read and to go back to. */
export function HistoryDialog({ documentId, writable, flush, showText, showChanges, onClose }: HistoryDialogProps) {
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
          <Shown key={shown.id} {...{ documentId, writable, flush, showText, showChanges }} version={shown} onRestored={onClose} />
        </div>
      )}
    </Modal>
  );
}

const TABS = [
  { value: 'text', name: 'Text' },
  { value: 'changes', name: 'Changes since then' },
] as const;

interface ShownProps extends Pick<HistoryDialogProps, 'documentId' | 'writable' | 'flush' | 'showText' | 'showChanges'> {
  version: Version;
  onRestored: () => void;
}

function Shown({ documentId, version, writable, flush, showText, showChanges, onRestored }: ShownProps) {
  const text = useVersionText(documentId, version.id);
  const restore = useRestoreVersion(documentId, flush);
  const [asking, setAsking] = useState(false);
  const show = {
    text: (data: string) => (data === '' ? <p className={styles.none}>It was empty.</p> : showText(data)),
    changes: showChanges,
  };
  const called = version.name === null ? `the version of ${exactTime(version.created_at)}` : `“${version.name}”`;
  const done = () => {
    toast(`The text is back at ${called}.`);
    onRestored();
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
        <Button className={styles.restore} disabled={text.data === undefined} onClick={() => setAsking(true)}>
          Restore this version…
        </Button>
      )}
      <Confirm
        open={asking}
        title="Restore this version?"
        verb="Restore"
        tone="primary"
        busy={restore.isPending}
        error={restore.error && explain(restore.error)}
        onConfirm={() => restore.mutate(version.id, { onSuccess: done })}
        onClose={() => setAsking(false)}
      >
        The text goes back to <bdi>{called}</bdi> for everyone who has it open. What is there now is kept as a version too.
      </Confirm>
    </section>
  );
}
