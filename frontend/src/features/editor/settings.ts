import { createStore, type Store } from '@/lib/store';
import { storage } from '@/lib/storage';

/** The editor settings of this person, on this device. */
export interface EditorSettings {
  fontSize: number;
  wordWrap: boolean;
  minimap: boolean;
  /** Whether Tab moves the focus instead of indenting. */
  tabMovesFocus: boolean;
}

export const FONT_SIZES = [12, 13, 14, 15, 16, 18, 20, 24] as const;

const KEY = 'codesync.editor';
const DEFAULTS: EditorSettings = { fontSize: 14, wordWrap: false, minimap: false, tabMovesFocus: false };
const settings = createStore<EditorSettings>(stored());

export const editorSettings: Store<EditorSettings> = settings;

export function changeSettings(change: Partial<EditorSettings>) {
  settings.set({ ...settings.get(), ...change });
  storage.write(KEY, settings.get());
}

storage.watch(KEY, () => settings.set(stored()));

function stored(): EditorSettings {
  const value = storage.read(KEY);
  const found = typeof value === 'object' && value !== null ? (value as Partial<Record<keyof EditorSettings, unknown>>) : {};
  const flag = (name: 'wordWrap' | 'minimap' | 'tabMovesFocus') => (typeof found[name] === 'boolean' ? found[name] : DEFAULTS[name]);
  const size = FONT_SIZES.find((candidate) => candidate === found.fontSize) ?? DEFAULTS.fontSize;
  return { fontSize: size, wordWrap: flag('wordWrap'), minimap: flag('minimap'), tabMovesFocus: flag('tabMovesFocus') };
}
