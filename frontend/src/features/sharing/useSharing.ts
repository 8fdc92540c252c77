import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, ask } from '@/lib/api/client';
import type { Role } from '@/lib/api/types';

const people = (id: string) => ['document', id, 'collaborators'] as const;
const links = (id: string) => ['document', id, 'links'] as const;

export function useCollaborators(id: string) {
  return useQuery({
    queryKey: people(id),
    queryFn: ({ signal }) => ask(api.GET('/api/documents/{id}/collaborators', { params: { path: { id } }, signal })),
  });
}

/** Sets the role of a person. */
export function useGrant(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; role: Role }) =>
      ask(api.PUT('/api/documents/{id}/collaborators', { params: { path: { id } }, body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: people(id) }),
  });
}

export function useRevoke(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (userId: string) =>
      ask(api.DELETE('/api/documents/{id}/collaborators/{user_id}', { params: { path: { id, user_id: userId } } })),
    onSuccess: () => {
      // It may have been this person's own.
      void queries.invalidateQueries({ queryKey: ['documents'] });
      return queries.invalidateQueries({ queryKey: people(id) });
    },
  });
}

export function useLinks(id: string) {
  return useQuery({
    queryKey: links(id),
    queryFn: ({ signal }) => ask(api.GET('/api/documents/{id}/links', { params: { path: { id } }, signal })),
  });
}

export function useCreateLink(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { role: Role; expires_at: string | null }) =>
      ask(api.POST('/api/documents/{id}/links', { params: { path: { id } }, body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: links(id) }),
  });
}

export function useRevokeLink(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (linkId: string) =>
      ask(api.DELETE('/api/documents/{id}/links/{link_id}', { params: { path: { id, link_id: linkId } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: links(id) }),
  });
}

export function useAcceptLink() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (secret: string) => ask(api.POST('/api/links/{secret}/accept', { params: { path: { secret } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['documents'] }),
  });
}
