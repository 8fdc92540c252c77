import { act, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { dismissToast, toast, toasts } from './toasts';
import { Toasts } from './Toasts';

beforeEach(() => {
  vi.useFakeTimers();
  render(<Toasts />);
});
afterEach(() => {
  for (const { id } of toasts.get()) dismissToast(id);
  vi.useRealTimers();
});

const say = (...what: Parameters<typeof toast>) => act(() => void toast(...what));
const pass = (ms: number) => void act(() => vi.advanceTimersByTime(ms));

it('shows equal toasts once, for the full time after the last one', () => {
  say('Saved by itself.');
  pass(5000);
  say('Saved by itself.');
  expect(screen.getAllByText('Saved by itself.')).toHaveLength(1);
  pass(5000);
  expect(screen.queryByText('Saved by itself.')).not.toBeNull();
  pass(1000);
  expect(screen.queryByText('Saved by itself.')).toBeNull();
});

it('leaves bad news longer', () => {
  say('Not uploaded.', { tone: 'bad' });
  pass(14_000);
  expect(screen.queryByText('Not uploaded.')).not.toBeNull();
  pass(1000);
  expect(screen.queryByText('Not uploaded.')).toBeNull();
});

it('hides nothing under the pointer or the focus', () => {
  say('Read me.');
  const message = screen.getByText('Read me.');
  fireEvent.pointerEnter(message);
  pass(60_000);
  fireEvent.pointerLeave(message);
  act(() => screen.getByRole('button', { name: 'Dismiss' }).focus());
  pass(60_000);
  fireEvent.click(screen.getByRole('button', { name: 'Dismiss' }));
  expect(screen.queryByText('Read me.')).toBeNull();
});
