import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, ask } from '@/lib/api/client';

const list = (id: string) => ['document', id, 'versions'] as const;
const PAGE = 50;

/** The versions of a document, newest first, page by page. */
export function useVersions(id: string) {
  return useInfiniteQuery({
    queryKey: list(id),
    queryFn: ({ pageParam, signal }) =>
      ask(api.GET('/api/documents/{id}/versions', { params: { path: { id }, query: { limit: PAGE, ...(pageParam !== null && { cursor: pageParam }) } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
  });
}

export function useVersionText(id: string, versionId: string) {
  return useQuery({
    queryKey: [...list(id), versionId, 'text'],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/documents/{id}/versions/{version_id}/text', { params: { path: { id, version_id: versionId } }, parseAs: 'text', signal })),
    // A version never changes.
    staleTime: Infinity,
  });
}

/** Names the current text; `flush` settles once the server has all of it. */
export function useNameVersion(id: string, flush: () => Promise<void>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (name: string) => {
      await flush();
      return ask(api.POST('/api/documents/{id}/versions', { params: { path: { id } }, body: { name } }));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: list(id) }),
  });
}

/** Renames a version, or names it first. */
export function useRenameVersion(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ versionId, name }: { versionId: string; name: string }) =>
      ask(api.PATCH('/api/documents/{id}/versions/{version_id}', { params: { path: { id, version_id: versionId } }, body: { name } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: list(id), exact: true }),
  });
}

export function useDeleteVersion(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (versionId: string) => ask(api.DELETE('/api/documents/{id}/versions/{version_id}', { params: { path: { id, version_id: versionId } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: list(id), exact: true }),
  });
}

/** Restores a version, for everyone; `flush` settles once the server has all current edits. */
export function useRestoreVersion(id: string, flush: () => Promise<void>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (versionId: string) => {
      await flush();
      return ask(api.POST('/api/documents/{id}/versions/{version_id}/restore', { params: { path: { id, version_id: versionId } } }));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: list(id), exact: true }),
  });
}
