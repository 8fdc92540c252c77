import type { Awareness } from 'y-protocols/awareness';
import { Avatar } from '@/components/Avatar';
import { Menu, MenuItem } from '@/components/Menu';
import { Tooltip } from '@/components/Tooltip';
import type { Peer } from '@/lib/peer';
import { Arrivals } from './Arrivals';
import styles from './People.module.css';
import { usePeople } from './usePeers';

interface PeopleProps {
  awareness: Awareness;
  /** The number of avatars side by side; further people are in a list. */
  shownMax: number;
  /** Scrolls to that person's position in the text. */
  onFind: (person: Peer) => void;
}

/** The other people in the document. */
export function People({ awareness, shownMax, onFind }: PeopleProps) {
  const people = usePeople(awareness);
  const shown = people.length > shownMax ? people.slice(0, shownMax) : people;
  const rest = people.slice(shown.length);
  return (
    <>
      {people.length > 0 && (
        <ul className={styles.people} aria-label="People here">
          {shown.map((person) => (
            <li key={person.userId}>
              <Tooltip text={describe(person)}>
                <button type="button" className={styles.person} aria-label={`${describe(person)}: go to their caret`} onClick={() => onFind(person)}>
                  <Avatar name={person.name} color={person.color} dimmed={person.idle} />
                </button>
              </Tooltip>
            </li>
          ))}
          {rest.length > 0 && (
            <li>
              <Menu
                trigger={
                  <button type="button" className={styles.person} aria-label={`+${rest.length} more people`}>
                    <span className={styles.more}>+{rest.length}</span>
                  </button>
                }
              >
                {rest.map((person) => (
                  <MenuItem key={person.userId} icon={<Avatar name={person.name} color={person.color} dimmed={person.idle} size="s" />} onSelect={() => onFind(person)}>
                    {describe(person)}
                  </MenuItem>
                ))}
              </Menu>
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
