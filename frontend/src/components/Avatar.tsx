import { classes } from '@/lib/classes';
import { paletteIndex } from '@/lib/palette';
import styles from './Avatar.module.css';

const LETTERS = new Intl.Segmenter();

interface AvatarProps {
  name: string;
  /** The index in the palette. */
  color: number;
  size?: 's' | 'm';
  dimmed?: boolean;
}

/** Initials on the person's colour, as a picture and not as text: the name is announced by its surroundings. */
export function Avatar({ name, color, size = 'm', dimmed = false }: AvatarProps) {
  return (
    <span
      className={classes(styles.avatar, size === 's' && styles.small, dimmed && styles.dimmed)}
      style={{ '--peer-color': `var(--peer-${color})` }}
      data-initials={initials(name)}
      aria-hidden="true"
    />
  );
}

export function UserAvatar({ user, size = 'm' }: { user: { id: string; name: string; color: string }; size?: 's' | 'm' }) {
  return <Avatar name={user.name} color={paletteIndex(user.color, user.id)} size={size} />;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map(firstLetter).join('').toUpperCase() || '?';
}

// The first letter as readers see it: a flag or a family of emoji is many characters.
function firstLetter(word = ''): string {
  for (const { segment } of LETTERS.segment(word)) return segment;
  return '';
}
