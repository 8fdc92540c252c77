import { Check } from 'lucide-react';
import { Popover } from 'radix-ui';
import { useState } from 'react';
import { Chooser } from '@/components/Chooser';
import { useCommands } from '@/lib/commands';
import { returnFocus } from '@/lib/focus';
import { LANGUAGES, languageById } from '@/lib/languages';
import styles from './LanguagePicker.module.css';

interface LanguagePickerProps {
  value: string;
  onChange: ((id: string) => void) | undefined;
  className: string | undefined;
}

const find = (query: string) => LANGUAGES.filter(({ name, extensions }) => name.toLowerCase().includes(query) || extensions.includes(query));

/** The language of the document; editors choose it from a list with search. */
export function LanguagePicker({ value, onChange, className }: LanguagePickerProps) {
  const [open, setOpen] = useState(false);
  useCommands(() => (onChange ? [{ id: 'language', label: 'Change language…', run: () => setOpen(true) }] : []));
  const { name } = languageById(value);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className={className} disabled={!onChange} aria-label={`Language: ${name}`}>
        {name}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className={styles.popover}
          side="top"
          align="end"
          sideOffset={6}
          collisionPadding={8}
          aria-label="Choose a language"
          onCloseAutoFocus={returnFocus}
        >
          <Chooser
            label="Find a language"
            listLabel="Languages"
            find={find}
            idOf={({ id }) => id}
            render={(language) => <LanguageOption name={language.name} chosen={language.id === value} />}
            selected={value}
            none="No such language."
            onChoose={({ id }) => {
              setOpen(false);
              onChange?.(id);
            }}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function LanguageOption({ name, chosen }: { name: string; chosen: boolean }) {
  if (!chosen) return name;
  return (
    <>
      <span className={styles.chosen}>{name}</span>
      <Check size={14} aria-hidden />
    </>
  );
}
