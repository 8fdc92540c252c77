import { Modal } from '@/components/Modal';
import { Invite } from './Invite';
import { LinkList } from './LinkList';
import { PeopleList } from './PeopleList';
import styles from './Share.module.css';

interface ShareDialogProps {
  documentId: string;
  title: string;
  /** The id of the person who shares. */
  me: string;
  onClose: () => void;
}

export function ShareDialog({ documentId, title, me, onClose }: ShareDialogProps) {
  return (
    <Modal open onClose={onClose} title={`Share “${title}”`} wide>
      <Invite documentId={documentId} />
      <section className={styles.section} aria-labelledby="share-people">
        <h3 id="share-people" className={styles.heading}>
          People with access
        </h3>
        <PeopleList documentId={documentId} me={me} />
      </section>
      <section className={styles.section} aria-labelledby="share-links">
        <h3 id="share-links" className={styles.heading}>
          Links
        </h3>
        <LinkList documentId={documentId} />
      </section>
    </Modal>
  );
}
