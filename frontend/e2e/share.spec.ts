import { expect, test } from './fixtures';

test('people are added, changed and removed in the share dialog', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { title: 'plan.md', text: 'plan' });
  await ada.open(id);
  await ada.page.getByRole('button', { name: 'Share' }).click();
  const dialog = ada.page.getByRole('dialog', { name: 'Share “plan.md”' });
  await dialog.getByLabel('Add a person by e-mail').fill('nobody@example.org');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await expect(dialog.getByRole('alert').filter({ hasText: 'Nobody here has that e-mail' })).toBeVisible();
  await dialog.getByLabel('Add a person by e-mail').fill(bob.account.email);
  await dialog.getByLabel('Role', { exact: true }).selectOption('viewer');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await expect(dialog.getByText(bob.account.email)).toBeVisible();

  await bob.page.goto(bob.url);
  await bob.page.getByRole('tab', { name: 'Shared with me' }).click();
  await bob.page.getByRole('link', { name: 'plan.md' }).click();
  await bob.ready();
  await expect(bob.page.getByText('View only')).toBeVisible();

  await dialog.getByLabel('Role of Bob').selectOption('editor');
  await expect(bob.page.getByText('View only')).toHaveCount(0);
  await bob.type('a ');
  await ada.expectText('a plan');

  await dialog.getByRole('button', { name: 'Remove Bob' }).click();
  await expect(dialog.getByText(bob.account.email)).toHaveCount(0);
  await expect(bob.page.getByText('You no longer have access').first()).toBeVisible();
});

test('a link lets people in until it is revoked', async ({ join, api }) => {
  const [ada, bob, eve] = [await join('Ada', { permissions: ['clipboard-read', 'clipboard-write'] }), await join('Bob'), await join('Eve')];
  const { id } = await api.create(ada.account, { text: 'hello' });
  await ada.open(id);
  await ada.page.getByRole('button', { name: 'Share' }).click();
  const dialog = ada.page.getByRole('dialog');
  await dialog.getByLabel('A new link lets people').selectOption('editor');
  await dialog.getByLabel('For').selectOption({ label: '7 days' });
  await dialog.getByRole('button', { name: 'Create link' }).click();
  await expect(dialog.getByText('Anyone with it can edit')).toBeVisible();
  await expect(dialog.getByText(/^Expires /)).toBeVisible();
  await dialog.getByRole('button', { name: 'Copy link' }).click();
  await expect(dialog.getByText('Copied', { exact: true })).toBeVisible();
  const link = await ada.page.evaluate(() => navigator.clipboard.readText());

  await bob.page.goto(link);
  await expect(bob.page).toHaveURL(new RegExp(`/d/${id}$`));
  await bob.ready();
  await bob.type('well, ');
  await ada.expectText('well, hello');

  await dialog.getByRole('button', { name: 'Revoke link' }).click();
  await expect(dialog.getByText('Anyone with it can edit')).toHaveCount(0);
  await eve.page.goto(link);
  await expect(eve.page.getByRole('heading', { name: 'This link no longer works' })).toBeVisible();
});

test('a shared document can be left', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { title: 'plan.md' });
  await api.grant(ada.account, id, bob.account, 'viewer');
  await bob.page.goto(bob.url);
  await bob.page.getByRole('tab', { name: 'Shared with me' }).click();
  await bob.page.getByRole('button', { name: 'Actions for plan.md' }).click();
  await bob.page.getByRole('menuitem', { name: 'Leave…' }).click();
  await bob.page.getByRole('dialog', { name: 'Leave this document?' }).getByRole('button', { name: 'Leave' }).click();
  await expect(bob.page.getByRole('heading', { name: 'Nothing shared with you yet' })).toBeVisible();
  await bob.page.goto(`${bob.url}/d/${id}`);
  await expect(bob.page.getByRole('heading', { name: 'You cannot open this document' })).toBeVisible();
});
