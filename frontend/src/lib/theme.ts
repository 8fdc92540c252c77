import { createStore, type Store } from './store';

export type ThemeChoice = 'light' | 'dark' | 'system';
export type Theme = 'light' | 'dark';

// public/theme.js reads the same key before the first paint; it stores a bare word, not JSON.
const KEY = 'codesync.theme';
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

const choice = createStore<ThemeChoice>(stored());
const theme = createStore<Theme>(resolve());

export const themeChoice: Store<ThemeChoice> = choice;
/** The current theme, which follows the system if the choice is `system`. */
export const activeTheme: Store<Theme> = theme;

export function chooseTheme(next: ThemeChoice) {
  choice.set(next);
  try {
    if (next === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
  apply();
}

systemDark.addEventListener('change', apply);
window.addEventListener('storage', (event) => {
  if (event.key !== KEY) return;
  choice.set(stored());
  apply();
});

function apply() {
  const { dataset } = document.documentElement;
  if (choice.get() === 'system') delete dataset.theme;
  else dataset.theme = choice.get();
  theme.set(resolve());
}

function stored(): ThemeChoice {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

function resolve(): Theme {
  const chosen = choice.get();
  if (chosen !== 'system') return chosen;
  return systemDark.matches ? 'dark' : 'light';
}
