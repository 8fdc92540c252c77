import { useState } from 'react';
import { Button } from '@/components/Button';
import { Select } from '@/components/Field';
import { Modal, ModalActions } from '@/components/Modal';
import { downloadText } from '@/lib/download';
import { fileName } from '@/lib/languages';
import { fileSize, LINE_ENDS, type LineEnd, withLineEnds } from '@/lib/text';

interface DownloadDialogProps {
  title: string;
  language: string;
  lineEnd: LineEnd;
  /** The current text. */
  text: () => string;
  onClose: () => void;
}

export function DownloadDialog({ title, language, lineEnd, text, onClose }: DownloadDialogProps) {
  const [end, setEnd] = useState(lineEnd);
  const name = fileName(title, language);
  const download = () => {
    downloadText(name, withLineEnds(text(), end));
    onClose();
  };
  const size = new Blob([withLineEnds(text(), end)]).size;
  return (
    <Modal open onClose={onClose} title="Download" description={`${name}, ${fileSize(size)}`}>
      <Select label="Line ends" value={end} onChange={(event) => setEnd(event.target.value === 'crlf' ? 'crlf' : 'lf')}>
        {LINE_ENDS.map(({ value, name }) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
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
