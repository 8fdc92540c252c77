import { createStore } from '@/lib/store';

/** The ids of the documents in this page that hold unsaved edits, on whatever page the person is. */
export const unsavedDocuments = createStore<readonly string[]>([]);
