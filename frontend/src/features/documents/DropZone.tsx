import { type DragEvent, type ReactNode, useState } from 'react';
import { Upload } from 'lucide-react';
import styles from './DropZone.module.css';

/** Accepts files that are dropped anywhere on it. */
export function DropZone({ onFiles, children }: { onFiles: (files: File[]) => void; children: ReactNode }) {
  const [over, setOver] = useState(false);
  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- dropping is a shortcut; the page has an upload button
    <div
      className={styles.zone}
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        setOver(false);
        if (!hasFiles(event)) return;
        event.preventDefault();
        onFiles([...event.dataTransfer.files]);
      }}
    >
      {children}
      {over && (
        <div className={styles.over}>
          <Upload size={28} aria-hidden />
          Drop to upload
        </div>
      )}
    </div>
  );
}
