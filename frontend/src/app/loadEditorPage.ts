/** Monaco and Yjs come with this page, and with nothing else. */
export const loadEditorPage = () => import('./pages/EditorPage');
