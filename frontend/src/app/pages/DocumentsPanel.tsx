import { FileCode2, SearchX, Users, WifiOff } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { Button } from '@/components/Button';
import { Notice } from '@/components/Notice';
import { type DocumentAction, DocumentList, DocumentListSkeleton } from '@/features/documents/DocumentList';
import { belongs, useDocuments, type Whose } from '@/features/documents/useDocuments';
import { explain } from '@/lib/api/errors';
import type { Document } from '@/lib/api/types';
import styles from './DashboardPage.module.css';

/** With fewer than this, a page that held mostly the other tab's documents would look like the end. */
const FILL = 20;

interface DocumentsPanelProps {
  whose: Whose;
  query: string;
  newButton: ReactNode;
  onAction: (action: DocumentAction, document: Document) => void;
}

export function DocumentsPanel({ whose, query, newButton, onAction }: DocumentsPanelProps) {
  const { data, error, isPending, isFetchingNextPage, hasNextPage, fetchNextPage, refetch } = useDocuments(query);
  const documents = data?.pages.flatMap((page) => page.items).filter((document) => belongs(document, whose)) ?? [];
  const filling = hasNextPage && documents.length < FILL;
  useEffect(() => {
    if (filling && !isFetchingNextPage) void fetchNextPage();
  }, [filling, isFetchingNextPage, fetchNextPage]);

  if (error) {
    return (
      <Notice art={<WifiOff size={40} strokeWidth={1.4} />} title="Your documents could not be loaded" actions={<Button onClick={() => void refetch()}>Try again</Button>}>
        {explain(error)}
      </Notice>
    );
  }
  if (isPending || (documents.length === 0 && filling)) return <DocumentListSkeleton />;
  if (documents.length === 0) return <Empty whose={whose} query={query} newButton={newButton} />;
  return (
    <>
      <DocumentList documents={documents} onAction={onAction} />
      {hasNextPage && (
        <div className={styles.more}>
          <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </>
  );
}

function Empty({ whose, query, newButton }: Pick<DocumentsPanelProps, 'whose' | 'query' | 'newButton'>) {
  if (query !== '') {
    return (
      <Notice art={<SearchX size={40} strokeWidth={1.4} />} title="Nothing found">
        No document here is called anything like “{query}”.
      </Notice>
    );
  }
  if (whose === 'shared') {
    return (
      <Notice art={<Users size={40} strokeWidth={1.4} />} title="Nothing shared with you yet">
        When someone adds you to a document or you open a link to one, you find it here.
      </Notice>
    );
  }
  return (
    <Notice art={<FileCode2 size={40} strokeWidth={1.4} />} title="Start with a document" actions={newButton}>
      Create one and share it, or drop a file here. Everyone you let in writes with you at the same time.
    </Notice>
  );
}
