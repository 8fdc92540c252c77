import { act, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { Menu, MenuItem } from './Menu';

afterEach(() => void vi.useRealTimers());

function closeTheMenu() {
  vi.useFakeTimers();
  render(
    <>
      <Menu trigger={<button type="button">More</button>}>
        <MenuItem onSelect={() => undefined}>Rename</MenuItem>
      </Menu>
      <input aria-label="Text" />
    </>,
  );
  const button = screen.getByRole('button');
  act(() => button.focus());
  fireEvent.keyDown(button, { key: 'Enter' });
  expect(document.activeElement).not.toBe(button);
  fireEvent.keyDown(screen.getByRole('menu'), { key: 'Escape' });
  expect(screen.queryByRole('menu')).toBeNull();
  return button;
}

const returned = () => void act(() => vi.runAllTimers());

it('returns the focus to its button', () => {
  const button = closeTheMenu();
  returned();
  expect(document.activeElement).toBe(button);
});

it('leaves a focus that has moved on where it is', () => {
  closeTheMenu();
  const text = screen.getByLabelText('Text');
  act(() => text.focus());
  returned();
  expect(document.activeElement).toBe(text);
});
