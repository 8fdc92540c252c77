import { useState } from 'react';
import { Menu, MenuChoice } from '@/components/Menu';
import { useCommands } from '@/lib/commands';
import { LINE_ENDS, type LineEnd } from '@/lib/text';

interface LineEndPickerProps {
  value: LineEnd;
  onChange: ((end: LineEnd) => void) | undefined;
  className: string | undefined;
}

/** The line end of downloads; editors can choose it. */
export function LineEndPicker({ value, onChange, className }: LineEndPickerProps) {
  const [open, setOpen] = useState(false);
  useCommands(() => (onChange ? [{ id: 'line-ends', label: 'Change line ends of downloads…', run: () => setOpen(true) }] : []));
  const short = value.toUpperCase();
  return (
    <Menu
      open={open}
      onOpenChange={setOpen}
      trigger={
        <button type="button" className={className} disabled={!onChange} aria-label={`Line ends: ${short}`}>
          {short}
        </button>
      }
    >
      <MenuChoice label="Line ends of downloads" value={value} options={LINE_ENDS} onChange={(end) => onChange?.(end)} />
    </Menu>
  );
}
