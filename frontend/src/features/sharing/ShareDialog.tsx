import { useState } from 'react';
import { Modal } from '@/components/Modal';
import { Invite } from './Invite';
import { LeaveDialog } from './LeaveDialog';
import { LinkList } from './LinkList';
import { PeopleList } from './PeopleList';
import styles from './Share.module.css';

interface ShareDialogProps {
  documentId: string;
  title: string;
  /** The id of the person who shares. */
  me: string;
  onClose: () => void;
  onLeft?: () => void;
}

export function ShareDialog({ documentId, title, me, onClose, onLeft }: ShareDialogProps) {
  const [leaving, setLeaving] = useState(false);
  const left = () => {
    onClose();
    onLeft?.();
  };
  return (
    <Modal open onClose={onClose} title={<>Share “<bdi>{title}</bdi>”</>} size="m">
      <Invite documentId={documentId} />
      <section className={styles.section} aria-labelledby="share-people">
        <h3 id="share-people" className={styles.heading}>
          People with access
        </h3>
        <PeopleList documentId={documentId} me={me} onLeave={() => setLeaving(true)} />
      </section>
      <section className={styles.section} aria-labelledby="share-links">
        <h3 id="share-links" className={styles.heading}>
          Links
        </h3>
        <LinkList documentId={documentId} />
      </section>
      {leaving && <LeaveDialog documentId={documentId} title={title} me={me} onClose={() => setLeaving(false)} onLeft={left} />}
    </Modal>
  );
}
