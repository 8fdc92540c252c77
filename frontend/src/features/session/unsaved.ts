import { createStore } from '@/lib/store';

/** The ids of the documents in this page with unsaved edits, on any page of the site. */
export const unsavedDocuments = createStore<readonly string[]>([]);
