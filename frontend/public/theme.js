// Loaded before the first paint: a page must not flash in the other theme. src/lib/theme.ts owns the key.
try {
  var theme = localStorage.getItem('codesync.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch (_) {
  // Storage is blocked: the system's theme it is.
}
