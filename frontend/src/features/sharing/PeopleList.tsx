import { X } from 'lucide-react';
import { UserAvatar } from '@/components/Avatar';
import { IconButton } from '@/components/Button';
import { FormError, Select } from '@/components/Field';
import { Skeleton } from '@/components/Skeleton';
import { explain } from '@/lib/api/errors';
import type { Collaborator } from '@/lib/api/types';
import { asRole, ROLE_NAMES } from './roles';
import styles from './Share.module.css';
import { useCollaborators, useGrant, useRevoke } from './useSharing';

interface PeopleListProps {
  documentId: string;
  /** The id of the person who shares. */
  me: string;
  /** Asks before this person gives up their own access. */
  onLeave: () => void;
}

export function PeopleList({ documentId, me, onLeave }: PeopleListProps) {
  const people = useCollaborators(documentId);
  const grant = useGrant(documentId);
  const revoke = useRevoke(documentId);
  const error = people.error ?? grant.error ?? revoke.error;
  const owners = people.data?.items.filter(({ role }) => role === 'owner').length ?? 0;
  return (
    <>
      <FormError>{error && explain(error)}</FormError>
      {people.isPending && <Skeleton width="100%" height="3rem" />}
      <ul className={styles.people}>
        {people.data?.items.map((person) => (
          <Person
            key={person.user.id}
            person={person}
            isMe={person.user.id === me}
            // At least one owner must remain.
            fixed={person.role === 'owner' && owners === 1}
            onRole={(role) => grant.mutate({ email: person.user.email, role: asRole(role) })}
            onRemove={() => (person.user.id === me ? onLeave() : revoke.mutate(person.user.id))}
          />
        ))}
      </ul>
    </>
  );
}

interface PersonProps {
  person: Collaborator;
  isMe: boolean;
  fixed: boolean;
  onRole: (role: string) => void;
  onRemove: () => void;
}

function Person({ person: { user, role }, isMe, fixed, onRole, onRemove }: PersonProps) {
  return (
    <li className={styles.person}>
      <UserAvatar user={user} />
      <div className={styles.who}>
        <p className={styles.name}>
          <bdi>{user.name}</bdi> {isMe && <span className={styles.you}>you</span>}
        </p>
        <p className={styles.email}>{user.email}</p>
      </div>
      {fixed ? (
        <span className={styles.fixed}>{ROLE_NAMES[role]}</span>
      ) : (
        <>
          <Select label={`Role of ${user.name}`} labelHidden value={role} className={styles.role} onChange={(event) => onRole(event.target.value)}>
            <option value="viewer">Can view</option>
            <option value="editor">Can edit</option>
            <option value="owner">Owner</option>
          </Select>
          <IconButton label={isMe ? 'Leave this document' : `Remove ${user.name}`} onClick={onRemove}>
            <X size={17} aria-hidden />
          </IconButton>
        </>
      )}
    </li>
  );
}
