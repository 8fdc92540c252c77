import { Menu, MenuChoice } from '@/components/Menu';
import { LINE_ENDS, type LineEnd } from '@/lib/text';

interface LineEndPickerProps {
  value: LineEnd;
  onChange: ((end: LineEnd) => void) | undefined;
  className: string | undefined;
}

/** How lines end in the document's downloads; for those who may change it, a choice. */
export function LineEndPicker({ value, onChange, className }: LineEndPickerProps) {
  const short = value.toUpperCase();
  return (
    <Menu
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
