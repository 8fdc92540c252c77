import { useEffect, useState } from 'react';
import { Menu, MenuChoice } from '@/components/Menu';
import { useCommands } from '@/lib/commands';
import { type Indent, type Indentation, INDENTATIONS } from '@/lib/indentation';
import type { editor } from './monaco';

interface IndentationPickerProps {
  codeEditor: editor.ICodeEditor | null;
  /** The setting of the document. */
  value: Indentation;
  onChange: ((indentation: Indentation) => void) | undefined;
  className: string | undefined;
}

/** The indentation for everyone; editors can choose it. */
export function IndentationPicker({ codeEditor, value, onChange, className }: IndentationPickerProps) {
  const { spaces, size } = useIndent(codeEditor);
  const short = spaces ? `${size} spaces` : 'Tabs';
  const [open, setOpen] = useState(false);
  useCommands(() => (onChange ? [{ id: 'indentation', label: 'Change indentation…', run: () => setOpen(true) }] : []));
  return (
    <Menu
      open={open}
      onOpenChange={setOpen}
      trigger={
        <button type="button" className={className} disabled={!onChange} aria-label={`Indentation: ${short}`}>
          {short}
        </button>
      }
    >
      <MenuChoice label="Indentation" value={value} options={INDENTATIONS} onChange={(next) => onChange?.(next)} />
    </Menu>
  );
}

/** The current indentation of the editor. */
function useIndent(codeEditor: editor.ICodeEditor | null): Indent {
  const [indent, setIndent] = useState<Indent>({ spaces: true, size: 2 });
  useEffect(() => {
    const model = codeEditor?.getModel();
    if (!model) return;
    const read = () => {
      const { insertSpaces, indentSize } = model.getOptions();
      setIndent({ spaces: insertSpaces, size: indentSize });
    };
    const listener = model.onDidChangeOptions(read);
    read();
    return () => listener.dispose();
  }, [codeEditor]);
  return indent;
}
