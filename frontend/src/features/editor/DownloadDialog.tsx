import { useState } from 'react';
import { Button } from '@/components/Button';
import { Select } from '@/components/Field';
import { Modal, ModalActions } from '@/components/Modal';
import { downloadText } from '@/lib/download';
import { fileName } from '@/lib/languages';
import { fileSize, type LineEnd, withLineEnds } from '@/lib/text';

interface DownloadDialogProps {
  title: string;
  language: string;
  /** The text as it is now. */
  text: () => string;
  onClose: () => void;
}

export function DownloadDialog({ title, language, text, onClose }: DownloadDialogProps) {
  const [end, setEnd] = useState<LineEnd>('lf');
  const name = fileName(title, language);
  const download = () => {
    downloadText(name, withLineEnds(text(), end));
    onClose();
  };
  const size = new Blob([withLineEnds(text(), end)]).size;
  return (
    <Modal open onClose={onClose} title="Download" description={`${name}, ${fileSize(size)}`}>
      <Select label="Line ends" value={end} onChange={(event) => setEnd(event.target.value === 'crlf' ? 'crlf' : 'lf')}>
        <option value="lf">LF (Linux, macOS)</option>
        <option value="crlf">CRLF (Windows)</option>
      </Select>
      <ModalActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button tone="primary" onClick={download}>
          Download
        </Button>
      </ModalActions>
    </Modal>
  );
}
