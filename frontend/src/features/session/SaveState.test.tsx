import { act, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createStore, type WritableStore } from '@/lib/store';
import type { OpenDocument } from './openDocument';
import { SaveState } from './SaveState';
import { INITIAL, type Status } from './status';

let status: WritableStore<Status>;

beforeEach(() => {
  vi.useFakeTimers();
  status = createStore<Status>({ ...INITIAL, phase: 'live', loaded: true, role: 'editor' });
  render(<SaveState open={{ status } as unknown as OpenDocument} />);
});
afterEach(() => vi.useRealTimers());

const set = (change: Partial<Status>) => act(() => status.set({ ...status.get(), ...change }));
const pass = (ms: number) => void act(() => vi.advanceTimersByTime(ms));
const shown = () => document.querySelector('[data-save-state]')?.textContent;
const said = () => screen.getByRole('status').textContent;

it('never shows "Saved" while something is not', () => {
  expect(shown()).toBe('Saved');
  set({ unsaved: 1 });
  expect(shown()).toBe('Saving…');
  set({ unsaved: 0 });
  expect(shown()).toBe('Saving…');
  pass(600);
  expect(shown()).toBe('Saved');
});

it('stays with "Saving…" during continuous typing', () => {
  for (let edit = 0; edit < 5; edit++) {
    set({ unsaved: 1 });
    pass(100);
    set({ unsaved: 0 });
    pass(300);
    expect(shown()).toBe('Saving…');
  }
});

it('tells when saving takes long', () => {
  set({ unsaved: 1 });
  pass(10_000);
  expect(shown()).toBe('Still saving…');
});

it('announces only what has been shown for a second', () => {
  set({ unsaved: 1 });
  pass(300);
  set({ unsaved: 0 });
  pass(600);
  expect(said()).toBe('Saved');
  set({ phase: 'offline', unsaved: 1 });
  expect(said()).toBe('Saved');
  pass(1000);
  expect(said()).toBe('Offline. Changes are NOT saved. Keep this tab open');
  expect(screen.getByRole('status')).toHaveProperty('ariaLive', 'assertive');
});

it('reports edits that were made offline', () => {
  set({ phase: 'offline', unsaved: 12 });
  set({ phase: 'live' });
  expect(shown()).toBe('Saving…');
  set({ unsaved: 0 });
  expect(shown()).toBe('Synced 12 changes');
  pass(3000);
  expect(shown()).toBe('Saved');
});
