/** Only this page loads Monaco and Yjs. */
export const loadEditorPage = () => import('./pages/EditorPage');
