import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, ask } from '@/lib/api/client';
import type { Document, DocumentChange } from '@/lib/api/types';
import { PLAIN } from '@/lib/languages';

const LIST = ['documents'] as const;
const PAGE = 50;

export type Whose = 'mine' | 'shared';

/** The documents that this person can open, last changed first, page by page. */
export function useDocuments(query: string) {
  return useInfiniteQuery({
    queryKey: [...LIST, query],
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET('/api/documents', {
          params: { query: { limit: PAGE, ...(query && { query }), ...(pageParam !== null && { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    placeholderData: keepPreviousData,
  });
}

export function belongs(document: Document, whose: Whose): boolean {
  return (document.role === 'owner') === (whose === 'mine');
}

const one = (id: string) => ['document', id] as const;

/** The properties of a document of which only the text is known. */
export const UNKNOWN: Pick<Document, 'title' | 'language' | 'line_end' | 'indentation'> = { title: 'Document', language: PLAIN.id, line_end: 'lf', indentation: 'auto' };

export function useDocumentInfo(id: string) {
  return useQuery({
    queryKey: one(id),
    queryFn: ({ signal }) => ask(api.GET('/api/documents/{id}', { params: { path: { id } }, signal })),
    // Others rename it too, without a message.
    refetchInterval: 30_000,
  });
}

export function useCreateDocument() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { title: string; language: string; text?: string }) => ask(api.POST('/api/documents', { body })),
    onSuccess: (document) => {
      queries.setQueryData(one(document.id), document);
      return queries.invalidateQueries({ queryKey: LIST });
    },
  });
}

export function useUpdateDocument(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: DocumentChange) => ask(api.PATCH('/api/documents/{id}', { params: { path: { id } }, body })),
    onSuccess: (document) => {
      queries.setQueryData(one(id), document);
      return queries.invalidateQueries({ queryKey: LIST });
    },
  });
}

export function useDeleteDocument(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => ask(api.DELETE('/api/documents/{id}', { params: { path: { id } } })),
    onSuccess: () => {
      queries.removeQueries({ queryKey: one(id) });
      return queries.invalidateQueries({ queryKey: LIST });
    },
  });
}
