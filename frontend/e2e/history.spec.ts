import { expectAccessible } from './axe';
import { expect, test } from './fixtures';
import type { Person } from './person';

async function history({ page }: Person) {
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Version history…' }).click();
  return page.getByRole('dialog', { name: 'Version history' });
}

test('the text is named, changed, read as it was, and gone back to for everyone', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { text: 'first\n' });
  await api.grant(ada.account, id, bob.account, 'viewer');
  await ada.open(id);
  await bob.open(id);

  const dialog = await history(ada);
  await dialog.getByLabel('Name the text as it is now').fill('Draft');
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await dialog.getByRole('button', { name: /Draft/ }).waitFor();
  await ada.page.keyboard.press('Escape');
  await ada.press('Control+Home');
  await ada.type('second ');
  await bob.expectText('second first\n');

  await history(ada);
  await dialog.getByRole('button', { name: /Draft/ }).click();
  await expect(dialog.locator('.view-lines')).toHaveText('first');
  await expectAccessible(ada.page);
  await dialog.getByRole('tab', { name: 'Changes since then' }).click();
  await expect(dialog.locator('.line-insert').first()).toBeVisible();
  await expect(dialog.locator('.view-lines.line-delete')).toHaveText('first');
  await expect(dialog.locator('.modified .view-lines:not(.line-delete)')).toHaveText('second first');
  await expectAccessible(ada.page);
  await dialog.getByRole('button', { name: 'Restore this version…' }).click();
  await ada.page.getByRole('dialog', { name: 'Restore this version?' }).getByRole('button', { name: 'Restore', exact: true }).click();
  await expect(ada.page.getByText('The text is back at “Draft”.')).toBeVisible();
  await expect(bob.page.getByText('Ada restored “Draft”.')).toBeVisible();
  await ada.expectText('first\n');
  await bob.expectText('first\n');
  await ada.page.getByRole('button', { name: 'Undo' }).click();
  await bob.expectText('second first\n');
  await ada.expectSaved();
  await history(ada);
  await dialog.getByRole('button', { name: /Draft/ }).click();
  await dialog.getByRole('button', { name: 'Rename…' }).click();
  const renaming = ada.page.getByRole('dialog', { name: 'Rename this version' });
  await renaming.getByLabel('Name').fill('Beginning');
  await renaming.getByRole('button', { name: 'Rename' }).click();
  await dialog.getByRole('button', { name: /Beginning/ }).click();
  await dialog.getByRole('button', { name: 'Restore this version…' }).click();
  await ada.page.getByRole('dialog', { name: 'Restore this version?' }).getByRole('button', { name: 'Restore', exact: true }).click();
  await bob.expectText('first\n');
  await history(ada);
  await dialog.getByRole('button', { name: /Beginning/ }).click();
  await dialog.getByRole('button', { name: 'Delete…' }).click();
  await ada.page.getByRole('dialog', { name: 'Delete this version?' }).getByRole('button', { name: 'Delete' }).click();
  await expect(dialog.getByRole('button', { name: /Beginning/ })).toHaveCount(0);
  await ada.press('Escape');
  await ada.expectSound();

  // The state before is a version now, and viewers can read it.
  const theirs = await history(bob);
  await theirs.getByRole('button', { name: /\d{4}/ }).first().click();
  await expect(theirs.locator('.view-lines')).toBeVisible();
  await expect(theirs.getByRole('button', { name: /Restore|Keep/ })).toHaveCount(0);
});
