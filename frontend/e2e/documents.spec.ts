import { expect, test } from './fixtures';
import { PASSWORD, probe } from './person';

test('from registration to a saved document and out again', async ({ browser, server }) => {
  const context = await browser.newContext();
  await context.addInitScript(probe);
  const page = await context.newPage();
  await page.goto(server.url);
  await expect(page).toHaveURL(/\/login/);
  await page.getByRole('link', { name: 'Create an account' }).click();
  const email = `new-${crypto.randomUUID().slice(0, 8)}@example.org`;
  await page.getByLabel('Name').fill('Newcomer');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('heading', { name: 'Start with a document' })).toBeVisible();

  await page.getByRole('button', { name: 'New document' }).first().click();
  await page.getByRole('dialog').getByLabel('Name').fill('hello.py');
  await expect(page.getByRole('dialog').getByLabel('Language')).toHaveValue('python');
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
  await page.waitForFunction(() => window.inside !== undefined);
  await page.locator('.native-edit-context, textarea.inputarea').first().focus();
  await page.keyboard.type('print');
  await expect(page.locator('[data-save-state]')).toHaveText('Saved');

  await page.getByRole('link', { name: 'Your documents' }).click();
  await expect(page.getByRole('link', { name: 'hello.py' })).toBeVisible();
  await page.getByRole('button', { name: 'Account of Newcomer' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Welcome back' })).toBeVisible();
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'Wrong e-mail or password.' })).toBeVisible();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('link', { name: 'hello.py' })).toBeVisible();
  await context.close();
});

test('documents are found, renamed and deleted', async ({ join, api }) => {
  const ada = await join('Ada');
  for (const title of ['alpha.rs', 'beta.ts', 'gamma.py']) await api.create(ada.account, { title });
  const { page } = ada;
  await page.goto(ada.url);
  await expect(page.getByRole('listitem')).toHaveCount(3);
  await page.getByRole('searchbox', { name: 'Search documents' }).fill('bet');
  await expect(page.getByRole('listitem')).toHaveCount(1);
  await page.getByRole('searchbox').fill('nothing like it');
  await expect(page.getByRole('heading', { name: 'Nothing found' })).toBeVisible();
  await page.getByRole('searchbox').fill('');

  await page.getByRole('button', { name: 'Actions for beta.ts' }).click();
  await page.getByRole('menuitem', { name: 'Rename…' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('delta.ts');
  await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).click();
  await expect(page.getByRole('link', { name: 'delta.ts' })).toBeVisible();

  await page.getByRole('button', { name: 'Actions for delta.ts' }).click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('link', { name: 'delta.ts' })).toHaveCount(0);
  await expect(page.getByRole('listitem')).toHaveCount(2);
});

test('files become documents when they are text', async ({ join, api }) => {
  const ada = await join('Ada');
  await ada.page.goto(ada.url);
  const files = ada.page.getByLabel('Files to upload');
  await files.setInputFiles({ name: 'picture.png', mimeType: 'image/png', buffer: Buffer.from([0x89, 0x50, 0, 1, 2]) });
  await expect(ada.page.getByText('“picture.png” is not a text file.')).toBeVisible();
  await files.setInputFiles({ name: 'dos.sh', mimeType: 'text/plain', buffer: Buffer.from('\uFEFFone\r\ntwo\r\n') });
  await ada.ready();
  await ada.expectText('one\ntwo\n');
  const id = new URL(ada.page.url()).pathname.split('/').at(-1) ?? '';
  expect(await api.text(ada.account, id)).toBe('one\ntwo\n');
  await expect(ada.page.getByRole('button', { name: 'Language: Shell' })).toBeVisible();
  await expect(ada.page.getByRole('button', { name: 'Line ends: CRLF' })).toBeVisible();
});

test('more documents than one page holds', async ({ join, api }) => {
  const ada = await join('Ada');
  for (let n = 0; n < 60; n++) await api.create(ada.account, { title: `document ${n}` });
  await ada.page.goto(ada.url);
  await expect(ada.page.getByRole('listitem')).toHaveCount(50);
  await ada.page.getByRole('button', { name: 'Show more' }).click();
  await expect(ada.page.getByRole('listitem')).toHaveCount(60);
  await expect(ada.page.getByRole('button', { name: 'Show more' })).toHaveCount(0);
});

test('name and language are shared at once', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { title: 'draft' });
  await api.grant(ada.account, id, bob.account, 'editor');
  await ada.open(id);
  await bob.open(id);
  await ada.page.getByRole('button', { name: 'Language: Plain text' }).click();
  await ada.page.getByRole('combobox', { name: 'Find a language' }).fill('rus');
  await ada.press('Enter');
  await expect(bob.page.getByRole('button', { name: 'Language: Rust' })).toBeVisible();
  await bob.page.getByRole('heading', { name: 'draft' }).getByRole('button').click();
  await bob.page.getByLabel('Document name').fill('final.rs');
  await bob.press('Enter');
  await expect(ada.page.getByRole('heading', { name: 'final.rs' })).toBeVisible();
});

test('an unknown address shows a not-found page', async ({ join }) => {
  const ada = await join('Ada');
  await ada.page.goto(`${ada.url}/no/such/page`);
  await expect(ada.page.getByRole('heading', { name: 'There is no page here' })).toBeVisible();
  await ada.page.goto(`${ada.url}/d/018f0000-0000-7000-8000-000000000000`);
  await expect(ada.page.getByRole('heading', { name: 'You cannot open this document' })).toBeVisible();
});
