import { describe, expect, it } from 'vitest';
import { saveWords } from './saveWords';
import { INITIAL, type Status } from './status';

const live: Status = { ...INITIAL, phase: 'live', loaded: true, role: 'editor' };
const words = (change: Partial<Status>, unsavedForMs = 0) => saveWords({ ...live, ...change }, unsavedForMs)?.text ?? null;

describe('the words for the state', () => {
  it('shows saved only for saved edits', () => {
    expect(words({})).toBe('Saved');
    expect(words({ unsaved: 1 })).toBe('Saving…');
    expect(words({ unsaved: 1 }, 10_000)).toBe('Still saving…');
    expect(words({ phase: 'connecting', unsaved: 1 })).toBe('Saving…');
  });

  it('tells the truth about being offline', () => {
    expect(words({ phase: 'offline', unsaved: 1 })).toBe('Offline. Changes are NOT saved. Keep this tab open');
    expect(words({ phase: 'offline' })).toBe('Offline. Everything so far is saved');
    expect(words({ phase: 'offline', localSafe: true })).toBe('Offline. Changes are saved on this device and will sync');
    expect(words({ phase: 'offline', role: 'viewer' })).toBe('Offline. This may not be the latest text');
  });

  it('does not call it offline when the session has ended', () => {
    expect(words({ phase: 'signed-out', unsaved: 1 })).toBe('Signed out. Changes are NOT saved. Keep this tab open');
    expect(words({ phase: 'signed-out' })).toBe('Signed out');
  });

  it('shows nothing to a viewer who is up to date', () => {
    expect(words({ role: 'viewer' })).toBeNull();
  });

  it('offers a copy where access is gone', () => {
    expect(words({ phase: 'denied' })).toBe('You no longer have access. Download a copy');
    expect(words({ phase: 'gone' })).toBe('Deleted. Download a copy');
    expect(words({ phase: 'refused', unsaved: 3 })).toContain('NOT saved');
  });
});
