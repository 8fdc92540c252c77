import type { Role } from '@/lib/api/types';

export const ROLE_NAMES: Record<Role, string> = { viewer: 'Can view', editor: 'Can edit', owner: 'Owner' };

export function asRole(value: string): Role {
  return value === 'owner' || value === 'editor' ? value : 'viewer';
}
