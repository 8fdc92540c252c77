import { useCallback, useState } from 'react';
import { useNavigate } from 'react-router';
import { DeleteDialog } from '@/features/documents/DeleteDialog';
import { UNKNOWN, useUpdateDocument } from '@/features/documents/useDocuments';
import { CodeEditor } from '@/features/editor/CodeEditor';
import { DownloadDialog } from '@/features/editor/DownloadDialog';
import { ReadOnlyCode } from '@/features/editor/ReadOnlyCode';
import { ReadOnlyDiff } from '@/features/editor/ReadOnlyDiff';
import type { editor } from '@/features/editor/monaco';
import { replaceText } from '@/features/editor/replaceText';
import { revealPeer } from '@/features/editor/revealPeer';
import { SettingsDialog } from '@/features/editor/SettingsDialog';
import { StatusBar } from '@/features/editor/StatusBar';
import { HistoryDialog } from '@/features/history/HistoryDialog';
import { useShowMe } from '@/features/presence/usePeers';
import type { OpenDocument } from '@/features/session/openDocument';
import { canWrite, isFinal, type Status } from '@/features/session/status';
import { LeaveDialog } from '@/features/sharing/LeaveDialog';
import { ShareDialog } from '@/features/sharing/ShareDialog';
import { explain } from '@/lib/api/errors';
import type { Document, Indentation, LineEnd, User } from '@/lib/api/types';
import { downloadText } from '@/lib/download';
import { INDENTATIONS } from '@/lib/indentation';
import { fileName, languageById } from '@/lib/languages';
import type { Peer } from '@/lib/peer';
import { withLineEnds } from '@/lib/text';
import { useTitle } from '@/lib/useTitle';
import { toast } from '@/components/toasts';
import { EditorBanner } from './EditorBanner';
import { EditorHeader } from './EditorHeader';
import styles from './EditorPage.module.css';
import { SignedOutBanner } from './SignedOutBanner';
import { type EditorDialog, useEditorCommands } from './useEditorCommands';
import { useInfoSignal } from './useInfoSignal';
import { useRestores } from './useRestores';

type Change = { title: string } | { language: string } | { line_end: LineEnd } | { indentation: Indentation };

interface EditorWorkspaceProps {
  open: OpenDocument;
  status: Status;
  /** Null while unknown. */
  info: Document | null;
  me: User;
  /** The login has ended; the page continues. */
  signedOut: boolean;
}

/** The document itself: header, text, status bar, and dialogs. */
export function EditorWorkspace({ open, status, info, me, signedOut }: EditorWorkspaceProps) {
  const navigate = useNavigate();
  const [codeEditor, setCodeEditor] = useState<editor.IStandaloneCodeEditor | null>(null);
  const [dialog, setDialog] = useState<EditorDialog | null>(null);
  const close = useCallback(() => setDialog(null), []);
  const update = useUpdateDocument(open.id);
  const changed = useInfoSignal(open);
  const restored = useRestores(open);
  const writable = canWrite(status);
  const owner = info?.role === 'owner';
  const home = () => void navigate('/');
  const { title, language, line_end: lineEnd, indentation } = info ?? UNKNOWN;
  useTitle(title);
  useShowMe(open.awareness, me);
  const offers = (wanted: EditorDialog) => {
    if (wanted === 'settings' || wanted === 'download') return true;
    if (isFinal(status.phase)) return false;
    if (wanted === 'history') return true;
    return wanted === 'leave' ? info !== null && !owner : owner;
  };
  useEditorCommands(codeEditor, open.status, { onDialog: setDialog, offers });

  const find = ({ userId, name }: Peer) => {
    if (codeEditor && !revealPeer(codeEditor, open, userId)) toast(`${name} has no caret in the text yet.`);
  };
  const download = () => downloadText(fileName(title, language), withLineEnds(open.text.toString(), lineEnd));
  const change = (body: Change) => {
    update.mutate(body, {
      onSuccess: () => {
        changed();
        if ('language' in body) toast(`Language set to ${languageById(body.language).name} for everyone.`);
        if ('indentation' in body) toast(`Indentation set to ${INDENTATIONS.find(({ value }) => value === body.indentation)?.name ?? ''} for everyone.`);
        if ('line_end' in body) toast(`Downloads now have ${body.line_end.toUpperCase()} line ends, for everyone.`);
      },
      onError: (error) => {
        const what = 'title' in body ? 'name was' : 'language' in body ? 'language was' : 'indentation' in body ? 'indentation was' : 'line ends were';
        toast(`The ${what} not changed. ${explain(error)}`, { tone: 'bad' });
      },
    });
  };
  return (
    <div className={styles.page}>
      <button type="button" className={styles.skip} onClick={() => codeEditor?.focus()}>
        Skip to the text
      </button>
      <EditorHeader
        open={open}
        status={status}
        title={title}
        offers={offers}
        onTitle={writable ? (next) => change({ title: next }) : undefined}
        onDialog={setDialog}
        onFind={find}
      />
      {signedOut && <SignedOutBanner me={me} onDownload={download} />}
      <EditorBanner status={status} onRetry={open.retry} onDownload={() => setDialog('download')} />
      <main className={styles.text} aria-label={title}>
        <CodeEditor shared={open} canWrite={writable} name={title} language={language} indentation={indentation} onEditor={setCodeEditor} />
      </main>
      <StatusBar codeEditor={codeEditor} language={language} lineEnd={lineEnd} indentation={indentation} onChange={writable && info ? change : undefined} />
      {dialog === 'share' && <ShareDialog documentId={open.id} title={title} me={me.id} onClose={close} onLeft={home} />}
      {dialog === 'history' && (
        <HistoryDialog
          documentId={open.id}
          writable={writable}
          // Without a connection nothing would settle; the call then reports the problem.
          flush={() => (status.phase === 'live' ? open.flush() : Promise.resolve())}
          showChanges={(text) => <ReadOnlyDiff before={text} now={() => open.text.toString()} language={language} label="Changes since the version" />}
          showText={(text) => <ReadOnlyCode text={text} language={language} label="Text of the version" />}
          onRestored={restored}
          replaceText={(text) => replaceText(open.text, text)}
          text={() => open.text.toString()}
          owner={owner}
          me={me.id}
          onClose={close}
        />
      )}
      {dialog === 'download' && <DownloadDialog title={title} language={language} lineEnd={lineEnd} text={() => open.text.toString()} onClose={close} />}
      {dialog === 'settings' && <SettingsDialog onClose={close} />}
      {dialog === 'delete' && info && <DeleteDialog document={info} onClose={close} onDeleted={home} />}
      {dialog === 'leave' && <LeaveDialog documentId={open.id} title={title} me={me.id} onClose={close} onLeft={home} />}
    </div>
  );
}
