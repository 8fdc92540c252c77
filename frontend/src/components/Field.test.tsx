import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it } from 'vitest';
import { Field } from './Field';

it('shows a problem below its field until it is solved', async () => {
  render(
    <form>
      <Field label="Name" required />
      <Field label="E-mail" type="email" required />
      <button type="submit">Send</button>
    </form>,
  );
  const [name, email] = [screen.getByLabelText('Name'), screen.getByLabelText('E-mail')];
  await userEvent.type(email, 'nowhere');
  fireEvent.click(screen.getByRole('button'));
  expect(screen.getByText('Please fill this in.').id).toBe(name.getAttribute('aria-describedby'));
  expect(screen.getByText('This is not an e-mail address.').id).toBe(email.getAttribute('aria-describedby'));
  expect(document.activeElement).toBe(name);
  await userEvent.type(name, 'Ada');
  expect(screen.queryByText('Please fill this in.')).toBeNull();
});
