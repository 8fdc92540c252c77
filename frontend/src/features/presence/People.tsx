import type { Awareness } from 'y-protocols/awareness';
import { Avatar } from '@/components/Avatar';
import { Tooltip } from '@/components/Tooltip';
import type { Peer } from '@/lib/peer';
import { Arrivals } from './Arrivals';
import styles from './People.module.css';
import { usePeople } from './usePeers';

const SHOWN_MAX = 5;

/** Who else is here. */
export function People({ awareness }: { awareness: Awareness }) {
  const people = usePeople(awareness);
  const shown = people.length > SHOWN_MAX ? people.slice(0, SHOWN_MAX) : people;
  const rest = people.slice(shown.length);
  return (
    <>
      {people.length > 0 && (
        <ul className={styles.people} aria-label="People here">
          {shown.map((person) => (
            <li key={person.userId}>
              <Tooltip text={describe(person)}>
                <button type="button" className={styles.person} aria-label={describe(person)}>
                  <Avatar name={person.name} color={person.color} dimmed={person.idle} />
                </button>
              </Tooltip>
            </li>
          ))}
          {rest.length > 0 && (
            <li>
              <Tooltip text={rest.map(({ name }) => name).join(', ')}>
                <button type="button" className={styles.person} aria-label={`${rest.length} more: ${rest.map(({ name }) => name).join(', ')}`}>
                  <span className={styles.more}>+{rest.length}</span>
                </button>
              </Tooltip>
            </li>
          )}
        </ul>
      )}
      <Arrivals people={people} />
    </>
  );
}

function describe({ name, idle }: Peer): string {
  return idle ? `${name} (idle)` : name;
}
