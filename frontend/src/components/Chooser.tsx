import { type KeyboardEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from 'react';
import { classes } from '@/lib/classes';
import styles from './Chooser.module.css';

interface ChooserProps<T> {
  /** The label of the field, for screen readers and as its placeholder. */
  label: string;
  listLabel: string;
  /** The results of a query, best first; everything for an empty one. */
  find: (query: string) => readonly T[];
  idOf: (item: T) => string;
  render: (item: T) => ReactNode;
  /** The id of the current value. */
  selected?: string | undefined;
  /** Shown without results. */
  none: string;
  onChoose: (item: T) => void;
}

/** A list with a search field: the field keeps the focus, and the arrow keys move in the list. */
export function Chooser<T>({ label, listLabel, find, idOf, render, selected, none, onChoose }: ChooserProps<T>) {
  const id = useId();
  const [query, setQuery] = useState('');
  const found = find(query.trim().toLowerCase());
  const [active, setActive] = useState(() => Math.max(0, found.findIndex((item) => idOf(item) === selected)));
  // At first the list is scrolled to the current value.
  const first = useRef(active);
  useLayoutEffect(() => {
    // In braces: newer browsers return a promise, which is no cleanup function.
    document.getElementById(`${id}-${first.current}`)?.scrollIntoView({ block: 'center' });
  }, [id]);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      const next = (active + step + found.length) % found.length;
      setActive(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: 'nearest' });
    }
    const chosen = found[active];
    // The Enter that ends an input method's composition chooses nothing.
    if (event.key === 'Enter' && chosen && !event.nativeEvent.isComposing) onChoose(chosen);
  };
  return (
    <div>
      <input
        className={styles.input}
        role="combobox"
        aria-label={label}
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={found.length > 0 ? `${id}-${active}` : undefined}
        placeholder={label}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id={`${id}-list`} role="listbox" aria-label={listLabel} tabIndex={-1} className={styles.list}>
        {found.map((item, index) => (
          // Keys reach the options through the input, which keeps the focus.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={idOf(item)}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={selected === undefined ? index === active : idOf(item) === selected}
            className={classes(styles.option, index === active && styles.active)}
            onClick={() => onChoose(item)}
          >
            {render(item)}
          </div>
        ))}
      </div>
      {found.length === 0 && <p className={styles.none}>{none}</p>}
    </div>
  );
}
