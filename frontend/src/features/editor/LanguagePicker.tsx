import { Check } from 'lucide-react';
import { Popover } from 'radix-ui';
import { type KeyboardEvent, useId, useLayoutEffect, useRef, useState } from 'react';
import { classes } from '@/lib/classes';
import { LANGUAGES, languageById } from '@/lib/languages';
import styles from './LanguagePicker.module.css';

interface LanguagePickerProps {
  value: string;
  onChange: ((id: string) => void) | undefined;
  className: string | undefined;
}

/** The document's language; for those who may change it, a list to type into. */
export function LanguagePicker({ value, onChange, className }: LanguagePickerProps) {
  const [open, setOpen] = useState(false);
  const { name } = languageById(value);
  const choose = (id: string) => {
    setOpen(false);
    onChange?.(id);
  };
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className={className} disabled={!onChange} aria-label={`Language: ${name}`}>
        {name}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className={styles.popover} side="top" align="end" sideOffset={6} collisionPadding={8} aria-label="Choose a language">
          <Chooser value={value} onChoose={choose} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Chooser({ value, onChoose }: { value: string; onChoose: (id: string) => void }) {
  const id = useId();
  const [query, setQuery] = useState('');
  const [active, setActive] = useState(() => Math.max(0, LANGUAGES.findIndex((language) => language.id === value)));
  // Where the list is first shown, it is at the language that the document has.
  const first = useRef(active);
  useLayoutEffect(() => {
    // In braces: newer browsers answer with a promise, which is no cleanup.
    document.getElementById(`${id}-${first.current}`)?.scrollIntoView({ block: 'center' });
  }, [id]);
  const wanted = query.trim().toLowerCase();
  const found = LANGUAGES.filter(({ name, extensions }) => name.toLowerCase().includes(wanted) || extensions.includes(wanted));

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      const next = (active + step + found.length) % found.length;
      setActive(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: 'nearest' });
    }
    const chosen = found[active];
    if (event.key === 'Enter' && chosen) onChoose(chosen.id);
  };
  return (
    <>
      <input
        className={styles.input}
        role="combobox"
        aria-label="Find a language"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={found.length > 0 ? `${id}-${active}` : undefined}
        placeholder="Find a language"
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id={`${id}-list`} role="listbox" aria-label="Languages" tabIndex={-1} className={styles.list}>
        {found.map((language, index) => (
          // Keys reach the options through the input, which keeps the focus.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={language.id}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={language.id === value}
            className={classes(styles.option, index === active && styles.active)}
            onClick={() => onChoose(language.id)}
          >
            {language.name}
            {language.id === value && <Check size={14} aria-hidden />}
          </div>
        ))}
      </div>
      {found.length === 0 && <p className={styles.none}>No such language.</p>}
    </>
  );
}
