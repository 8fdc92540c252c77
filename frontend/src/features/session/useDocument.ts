import { useEffect, useState } from 'react';
import { openDocument, type OpenDocument } from './openDocument';

/** The document of that id, open while the component is mounted; null until it is. */
export function useDocument(id: string): OpenDocument | null {
  const [open, setOpen] = useState<OpenDocument | null>(null);
  useEffect(() => {
    const opened = openDocument(id, setOpen);
    // eslint-disable-next-line react-hooks/set-state-in-effect -- a document is opened by an effect and nowhere else: it must be released
    setOpen(opened);
    return () => {
      setOpen(null);
      opened.release();
    };
  }, [id]);
  return open?.id === id ? open : null;
}
