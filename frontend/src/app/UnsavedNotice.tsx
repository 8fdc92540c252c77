import { Link } from 'react-router';
import { unsavedDocuments } from '@/features/session/unsaved';
import { useStore } from '@/lib/store';
import styles from './Shell.module.css';

/** Outside of the editor: a document that was left is still being saved. */
export function UnsavedNotice() {
  const [id] = useStore(unsavedDocuments);
  return (
    <div role="status">
      {id !== undefined && (
        <p className={styles.unsaved}>
          A document that you left has changes that are not saved yet. Keep this tab open. <Link to={`/d/${id}`}>Back to it</Link>
        </p>
      )}
    </div>
  );
}
