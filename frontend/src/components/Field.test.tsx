import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it } from 'vitest';
import { Field } from './Field';

it('says below a field what keeps the form from being sent, and no longer than it does', async () => {
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
