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

/** Turns files into documents; calls `onOpen` when it was exactly one. */
export function useUpload(onOpen: (id: string) => void) {
  const create = useCreateDocument();
  const upload = async (files: readonly File[]) => {
    const made: string[] = [];
    for (const file of files) {
      const content = await read(file);
      if ('problem' in content) {
        toast(`“${file.name}” ${PROBLEMS[content.problem]}.`, { tone: 'bad' });
        continue;
      }
      try {
        const document = await create.mutateAsync({ title: file.name, language: languageOfFile(file.name).id, text: content.text });
        made.push(document.id);
      } catch (error) {
        toast(`“${file.name}” was not uploaded. ${explain(error)}`, { tone: 'bad' });
      }
    }
    const [only] = made;
    if (made.length === 1 && only !== undefined) onOpen(only);
    else if (made.length > 1) toast(`${made.length} files uploaded.`);
  };
  return { upload: (files: readonly File[]) => void upload(files), uploading: create.isPending };
}

async function read(file: File): Promise<ReturnType<typeof decodeText>> {
  // Not read at all when too large: it might be a disk image.
  if (file.size > FILE_BYTES_MAX) return { problem: 'too-large' };
  try {
    return decodeText(new Uint8Array(await file.arrayBuffer()));
  } catch {
    return { problem: 'binary' };
  }
}
