import { expectAccessible } from './axe';
import { expect, test } from './fixtures';
import { PASSWORD } from './person';
import { Server } from './server';

test('undo works word by word', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account);
  await ada.open(id);
  await ada.type('one two three');
  await ada.press('Control+z');
  await ada.expectText('one two');
  await ada.press('Control+z');
  await ada.expectText('one');
  await ada.press('Control+z');
  await ada.expectText('');
  await ada.press('Control+y', 'Control+y');
  await ada.expectText('one two');
  await ada.expectSound();
});

test('the end of a login takes no key', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account);
  await ada.open(id);
  await ada.type('before ');
  await ada.expectSaved();
  await api.signOut(ada.account);
  await expect(ada.page.getByText('Your login has ended.')).toBeVisible();
  await expect(ada.editor).toBeFocused();
  await ada.page.keyboard.type('after');
  await ada.expectText('before after');
  await ada.page.getByRole('button', { name: 'Sign in again' }).click();
  const dialog = ada.page.getByRole('dialog', { name: 'Sign in again' });
  await ada.page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await ada.page.getByRole('button', { name: 'Sign in again' }).click();
  await dialog.getByLabel('Password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await ada.expectSaved();
  await expect(ada.page.getByText('Your login has ended.')).toHaveCount(0);
  await ada.page.reload();
  await ada.ready();
  await ada.expectText('before after');
});

test('the palette opens by its keys and knows the page, and ? lists the keys', async ({ join, api }) => {
  const ada = await join('Ada');
  const { page } = ada;
  const palette = page.getByRole('dialog', { name: 'Commands' });
  const choose = async (words: string) => {
    await ada.press('Control+Shift+p');
    await expect(palette.getByRole('combobox')).toBeFocused();
    await page.keyboard.type(words);
    await ada.press('Enter');
    await expect(palette).toHaveCount(0);
  };
  const { id } = await api.create(ada.account, { text: 'b\na\n' });
  await page.goto(ada.url);
  await page.getByRole('link').nth(2).waitFor();
  await choose('new doc');
  await expect(page.getByRole('dialog', { name: 'New document' })).toBeVisible();
  await ada.press('Escape');
  await choose('theme: dark');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await ada.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await ada.press('Escape');

  await ada.open(id);
  for (const [words, opens] of [
    ['Share', 'Share'],
    ['Version history', 'Version history'],
    ['settings', 'Editor settings'],
  ] as const) {
    await choose(words);
    await expect(page.getByRole('dialog', { name: new RegExp(opens) })).toBeVisible();
    await ada.press('Escape');
    await expect(ada.editor).toBeFocused();
  }
  for (const [words, role] of [
    ['language', 'listbox'],
    ['indentation', 'menu'],
    ['line ends', 'menu'],
  ] as const) {
    await choose(`change ${words}`);
    await expect(page.getByRole(role)).toBeVisible();
    await ada.press('Escape');
    await expect(page.getByRole(role)).toHaveCount(0);
  }
  await choose('rename');
  await expect(page.getByLabel('Document name')).toBeFocused();
  await ada.press('Escape');
  // The editor's own commands, for which F1 opens the palette too.
  await ada.editor.focus();
  await ada.press('Control+a', 'F1');
  await page.keyboard.type('sort lines asc');
  await ada.press('Enter');
  await expect(ada.editor).toBeFocused();
  await ada.expectText('a\nb\n');
  await ada.press('Control+End');
  await ada.type('?');
  await ada.expectText('a\nb\n?');
  await page.getByRole('button', { name: 'Share' }).focus();
  await ada.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
});

test('line numbers keep a margin, however long they are', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account, { text: '\n'.repeat(12_345) });
  await ada.open(id);
  for (const line of ['1', '1200', '12346']) {
    await ada.press('Control+g');
    await ada.page.keyboard.type(line);
    await ada.press('Enter');
    const left = () =>
      ada.page.evaluate((wanted) => {
        const number = Array.from(document.querySelectorAll('.line-numbers')).find(({ textContent }) => textContent === wanted);
        const range = document.createRange();
        if (number) range.selectNodeContents(number);
        return number ? range.getBoundingClientRect().left : 0;
      }, line);
    await expect.poll(left).toBeGreaterThan(6);
  }
});

test('two tabs are one person, and a selection shows its blank lines', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { text: 'one\n\n\ntwo\n' });
  await api.grant(ada.account, id, bob.account, 'editor');
  await ada.open(id);
  const tab = await ada.context.newPage();
  await tab.goto(`${ada.url}/d/${id}`);
  await tab.locator('.view-lines').waitFor();
  await bob.open(id);
  await expect(bob.page.getByRole('button', { name: /^Ada/ })).toHaveCount(1);
  await expect(ada.page.getByRole('button', { name: /^Bob/ })).toHaveCount(1);
  await expect(ada.page.getByRole('button', { name: /^Ada/ })).toHaveCount(0);
  // The blank lines inside of a selection are visible.
  await ada.editor.focus();
  await ada.press('Control+a');
  await expect(bob.page.locator('.cs-blank')).toHaveCount(2);
});

test('several files go up at a time, and leaving meanwhile asks first', async ({ join }) => {
  const ada = await join('Ada');
  await ada.page.goto(ada.url);
  let under = 0;
  let most = 0;
  let release: (() => void) | undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await ada.page.route('**/api/documents', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    under += 1;
    most = Math.max(most, under);
    await held;
    await route.continue();
    under -= 1;
  });
  const files = Array.from({ length: 6 }, (_, n) => ({ name: `file-${n}.txt`, mimeType: 'text/plain', buffer: Buffer.from(`text ${n}`) }));
  await ada.page.getByLabel('Files to upload').setInputFiles(files);
  await expect(ada.page.getByRole('button', { name: 'Uploading 0 of 6…' })).toBeVisible();
  await expect.poll(() => most).toBe(4);
  const asked = ada.page.waitForEvent('dialog');
  await ada.page.close({ runBeforeUnload: true });
  const question = await asked;
  expect(question.type()).toBe('beforeunload');
  await question.dismiss();
  release?.();
  await expect(ada.page.getByText('6 files uploaded.')).toBeVisible();
});

test('a forgotten password is set by the link of an administrator, once', async ({ join, server }) => {
  const ada = await join('Ada');
  const { secret } = await server.passwordReset(ada.account.email);
  await ada.page.goto(`${ada.url}/reset/${secret}`);
  await ada.page.getByLabel('New password').fill('a better password');
  await ada.page.getByRole('button', { name: 'Set the password' }).click();
  await expect(ada.page.getByText('The password is set.')).toBeVisible();
});

test('a document is indented as its text or its language is, or as someone has chosen for everyone', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  for (const [title, language, text, indentation, typed] of [
    ['Makefile', 'plaintext', '', 'Tabs', '\t'],
    ['main.go', 'go', '', 'Tabs', '\t'],
    ['main.py', 'python', '', '4 spaces', '    '],
    ['main.rs', 'rust', '', '4 spaces', '    '],
    ['main.ts', 'typescript', '', '2 spaces', '  '],
    ['odd.py', 'python', '\nif a:\n  b\n  if c:\n    d\n  e\n', '2 spaces', '  '],
    ['tabs.ts', 'typescript', '\nif (a) {\n\tb\n\tif (c) {\n\t\td\n\t}\n}\n', 'Tabs', '\t'],
  ] as const) {
    const { id } = await api.create(ada.account, { title, language, text });
    await ada.open(id);
    await expect(ada.page.getByRole('button', { name: `Indentation: ${indentation}` })).toBeVisible();
    await ada.press('Control+Home', 'Tab');
    await ada.expectText(typed + text);
  }
  const { id } = await api.create(ada.account, { title: 'shared.ts', language: 'typescript' });
  await api.grant(ada.account, id, bob.account, 'editor');
  await ada.open(id);
  await bob.open(id);
  await ada.page.getByRole('button', { name: 'Indentation: 2 spaces' }).click();
  await ada.page.getByRole('menuitemradio', { name: '8 spaces' }).click();
  await expect(bob.page.getByRole('button', { name: 'Indentation: 8 spaces' })).toBeVisible();
  await bob.press('Tab');
  await ada.expectText(' '.repeat(8));
});

test('the first administrator is made by the link that the server prints', async ({ browser }) => {
  const server = await Server.start();
  const page = await (await browser.newContext()).newPage();
  await expect.poll(() => server.setupPath).toMatch(/^\/setup\/\w+/);
  await page.goto(server.url + server.setupPath);
  await page.getByLabel('Name').fill('Root');
  await page.getByLabel('E-mail').fill('root@example.org');
  await page.getByLabel('Password').fill(PASSWORD);
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: 'Start with a document' }).waitFor();
  const users = await page.evaluate(async () => {
    const { token } = JSON.parse(localStorage.getItem('codesync.session') ?? '{}') as { token: string };
    return (await fetch('/api/admin/users', { headers: { authorization: `Bearer ${token}` } })).status;
  });
  expect(users).toBe(200);
  const late = await (await browser.newContext()).newPage();
  await late.goto(server.url + server.setupPath);
  await late.getByLabel('Name').fill('Late');
  await late.getByLabel('E-mail').fill('late@example.org');
  await late.getByLabel('Password').fill(PASSWORD);
  await late.getByRole('button', { name: 'Create account' }).click();
  await expect(late.getByText('This link was used before')).toBeVisible();
  for (const each of [page, late]) await each.context().close();
  await server.destroy();
});
