import { useEffect, useState } from 'react';
import { toast } from '@/components/toasts';
import { explain } from '@/lib/api/errors';
import { languageOfFile } from '@/lib/languages';
import { decodeText, FILE_BYTES_MAX, type FileProblem, fileSize } from '@/lib/text';
import { useCreateDocument } from './useDocuments';

const PROBLEMS: Record<FileProblem, string> = {
  'too-large': `is larger than ${fileSize(FILE_BYTES_MAX)}`,
  binary: 'is not a text file',
  encoding: 'is neither UTF-8 nor UTF-16 text',
};

/** The number of files uploaded in parallel. */
const AT_ONCE = 4;

export interface Uploading {
  done: number;
  all: number;
}

/** Creates documents of files, several at a time; calls `onOpen` if it was exactly one. Leaving the page during an upload asks first. */
export function useUpload(onOpen: (id: string) => void) {
  const { mutateAsync: create } = useCreateDocument();
  const [uploading, setUploading] = useState<Uploading | null>(null);
  useEffect(() => {
    if (uploading === null) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [uploading]);

  const one = async (file: File): Promise<string | null> => {
    const content = await read(file);
    if ('problem' in content) {
      toast(`“${file.name}” ${PROBLEMS[content.problem]}.`, { tone: 'bad' });
      return null;
    }
    try {
      return (await create({ title: file.name, language: languageOfFile(file.name).id, text: content.text })).id;
    } catch (error) {
      toast(`“${file.name}” was not uploaded. ${explain(error)}`, { tone: 'bad' });
      return null;
    }
  };
  const upload = async (files: readonly File[]) => {
    const made: string[] = [];
    const waiting = [...files];
    const count = (change: Uploading) => setUploading((now) => sum(now, change));
    count({ done: 0, all: files.length });
    const lane = async () => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
        const id = await one(file);
        if (id !== null) made.push(id);
        count({ done: 1, all: 0 });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const [only] = made;
    if (made.length === 1 && only !== undefined && files.length === 1) onOpen(only);
    else if (made.length > 0) toast(made.length === files.length ? `${made.length} files uploaded.` : `${made.length} of ${files.length} files uploaded.`);
  };
  return { upload: (files: readonly File[]) => void upload(files), uploading };
}

/** The counts added up; null once everything is done. */
function sum(now: Uploading | null, { done, all }: Uploading): Uploading | null {
  const next = { done: (now?.done ?? 0) + done, all: (now?.all ?? 0) + all };
  return next.done < next.all ? next : null;
}

async function read(file: File): Promise<ReturnType<typeof decodeText>> {
  // Not read at all if too large: it might be a disk image.
  if (file.size > FILE_BYTES_MAX) return { problem: 'too-large' };
  try {
    return decodeText(new Uint8Array(await file.arrayBuffer()));
  } catch {
    return { problem: 'binary' };
  }
}
