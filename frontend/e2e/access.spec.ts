import { Cutter } from './cutter';
import { expect, test } from './fixtures';
import { PASSWORD } from './person';

test('someone without access gets a clear page', async ({ join, api }) => {
  const [ada, eve] = [await join('Ada'), await join('Eve')];
  const { id } = await api.create(ada.account, { text: 'secret' });
  await eve.page.goto(`${eve.url}/d/${id}`);
  await expect(eve.page.getByRole('heading', { name: 'You cannot open this document' })).toBeVisible();
  await expect(eve.page.getByText(eve.account.email)).toBeVisible();
  await expect(eve.page.getByText('secret')).toHaveCount(0);
});

test('a viewer sees edits and can make none', async ({ join, api }) => {
  const [ada, vera] = [await join('Ada'), await join('Vera')];
  const { id } = await api.create(ada.account, { text: 'first\n' });
  await api.grant(ada.account, id, vera.account, 'viewer');
  await ada.open(id);
  await vera.open(id);
  await expect(vera.page.getByText('View only')).toBeVisible();
  await expect(vera.page.getByRole('button', { name: 'Share' })).toHaveCount(0);
  await vera.type('nothing');
  await vera.press('Delete', 'Control+z', 'Enter');
  await ada.type('second ');
  await vera.expectText('second first\n');
  // Without the page's own refusal: the server must refuse too.
  await vera.page.evaluate(() => (window.inside?.text as unknown as { insert: (at: number, text: string) => void }).insert(0, 'forged '));
  await ada.type('third ');
  await ada.expectSaved();
  expect(await api.text(ada.account, id)).toBe('second third first\n');
  await ada.expectText('second third first\n');
});

test('access is removed while the document is open', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { text: 'shared\n' });
  await api.grant(ada.account, id, bob.account, 'editor');
  await bob.open(id);
  await bob.type('mine ');
  await bob.expectSaved();
  await api.revoke(ada.account, id, bob.account);
  await expect(bob.state).toHaveText('You no longer have access. Download a copy', { timeout: 3000 });
  await bob.type('too late');
  await bob.expectText('mine shared\n');
  await bob.page.getByRole('button', { name: 'Download a copy' }).click();
  const [download] = await Promise.all([bob.page.waitForEvent('download'), bob.page.getByRole('dialog').getByRole('button', { name: 'Download' }).click()]);
  expect(download.suggestedFilename()).toBe('notes.txt');
  expect(await api.text(ada.account, id)).toBe('mine shared\n');
});

test('becoming a viewer takes effect in place, and back', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account);
  await api.grant(ada.account, id, bob.account, 'editor');
  await bob.open(id);
  await bob.type('a');
  await bob.expectSaved();
  await api.grant(ada.account, id, bob.account, 'viewer');
  await expect(bob.page.getByText('View only')).toBeVisible();
  await bob.type('b');
  await bob.expectText('a');
  await api.grant(ada.account, id, bob.account, 'editor');
  await expect(bob.page.getByText('View only')).toHaveCount(0);
  await bob.type('c');
  await bob.expectText('ac');
  await bob.expectSaved();
});

test('a document deleted while it is open', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { text: 'last words' });
  await api.grant(ada.account, id, bob.account, 'editor');
  await bob.open(id);
  await api.remove(ada.account, id);
  await expect(bob.page.getByText('This document was deleted.')).toBeVisible();
  await bob.expectText('last words');
});

test('a session that ends leaves the page as it is and asks for the password', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account);
  await ada.open(id);
  await ada.type('kept ');
  await ada.expectSaved();
  await api.signOut(ada.account);
  await ada.page.getByRole('button', { name: 'Sign in again' }).click();
  const dialog = ada.page.getByRole('dialog', { name: 'Sign in again' });
  await expect(dialog).toBeVisible();
  await dialog.getByLabel('Password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await expect(dialog).toHaveCount(0);
  await ada.type('going on');
  await ada.expectSaved();
  await ada.expectText('kept going on');
});

test('signing out in one tab takes nothing unsaved from another', async ({ join, api, server }) => {
  const cutter = await Cutter.to(server.port);
  const ada = await join('Ada', { url: cutter.url });
  const { id } = await api.create(ada.account);
  await ada.open(id);
  const tab = await ada.context.newPage();
  await tab.goto(ada.url);
  await tab.getByRole('link', { name: 'notes.txt' }).waitFor();
  cutter.cut();
  await ada.type('precious');
  await tab.getByRole('button', { name: 'Account of Ada' }).click();
  await tab.getByRole('menuitem', { name: 'Sign out' }).click();
  await tab.getByRole('heading', { name: 'Welcome back' }).waitFor();
  await ada.page.getByRole('button', { name: 'Sign in again' }).click();
  const dialog = ada.page.getByRole('dialog', { name: 'Sign in again' });
  await expect(dialog.getByLabel('Password')).toBeFocused();
  await ada.expectText('precious');
  const [download] = await Promise.all([ada.page.waitForEvent('download'), dialog.getByRole('button', { name: 'Download a copy' }).click()]);
  expect(download.suggestedFilename()).toBe('notes.txt');
  cutter.heal();
  await dialog.getByLabel('Password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await expect(ada.state).toHaveText('Saved', { timeout: 40_000 });
  await expect(ada.editor).toBeFocused();
  await ada.page.reload();
  await ada.ready();
  await ada.expectText('precious');
  cutter.close();
});

test('the data of one person is not shown to the next, in any tab', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  await api.create(ada.account, { title: 'of-ada.txt' });
  await api.create(bob.account, { title: 'of-bob.txt' });
  await ada.page.goto(ada.url);
  await ada.page.getByRole('link', { name: 'of-ada.txt' }).waitFor();
  const tab = await ada.context.newPage();
  await tab.goto(`${ada.url}/account`);
  await tab.getByRole('button', { name: 'Account of Ada' }).click();
  await tab.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(ada.page.getByRole('heading', { name: 'Welcome back' })).toBeVisible();
  // The old list must not appear before the new one has loaded.
  await ada.page.route('**/api/documents?**', () => undefined);
  await tab.getByLabel('E-mail').fill(bob.account.email);
  await tab.getByLabel('Password').fill(PASSWORD);
  await tab.getByRole('button', { name: 'Sign in' }).click();
  await ada.page.getByRole('status', { name: 'Loading documents' }).waitFor();
  await expect(ada.page.getByRole('link', { name: 'of-ada.txt' })).toHaveCount(0);
  await tab.goto(ada.url);
  await expect(tab.getByRole('link', { name: 'of-bob.txt' })).toBeVisible();
});
