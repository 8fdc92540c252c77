import { expect, test } from './fixtures';

test('undo takes back own text only, from the keyboard and for carets too', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { text: '\n' });
  await api.grant(ada.account, id, bob.account, 'editor');
  await ada.open(id);
  await bob.open(id);
  await ada.press('Control+End');
  await ada.type('hello');
  await bob.expectText('\nhello');
  await bob.type('REMOTE');
  await ada.expectText('REMOTE\nhello');
  await ada.press('Control+z');
  await bob.expectText('REMOTE\n');
  await ada.press('Control+z');
  await ada.expectText('REMOTE\n');
  await ada.press('Control+Shift+z');
  await bob.expectText('REMOTE\nhello');
  for (const each of [ada, bob]) await each.expectSound();
});

test('several carets stay through a remote edit', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const { id } = await api.create(ada.account, { text: 'a\na\na\n' });
  await api.grant(ada.account, id, bob.account, 'editor');
  await ada.open(id);
  await bob.open(id);
  await ada.press('Control+Home', 'Shift+ArrowRight', 'Control+d', 'Control+d');
  await bob.press('Control+End');
  await bob.type('more');
  await ada.expectText('a\na\na\nmore');
  await ada.type('b');
  await ada.expectText('b\nb\nb\nmore');
  await bob.expectText('b\nb\nb\nmore');
});

test('lines that arrive above do not move what is read', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const lines = Array.from({ length: 200 }, (_, n) => `line ${n + 1}`).join('\n');
  const { id } = await api.create(ada.account, { text: lines });
  await api.grant(ada.account, id, bob.account, 'editor');
  await ada.open(id);
  await bob.open(id);
  await ada.press('Control+End');
  const top = async () => ada.page.getByText('line 190', { exact: true }).evaluate((element) => Math.round(element.getBoundingClientRect().top));
  const before = await top();
  for (let n = 0; n < 10; n++) await bob.press('Enter');
  await expect.poll(async () => (await ada.text()).split('\n').length).toBe(210);
  expect(await top()).toBe(before);
});

test('saving by habit is answered, not obeyed', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account);
  await ada.open(id);
  await ada.press('Control+s');
  await expect(ada.page.getByText('Every change is saved automatically as you type.')).toBeVisible();
});

test('a download has the line ends of its document, or those that were asked for', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account, { title: 'notes', language: 'markdown', text: 'one\r\ntwo\r\n' });
  await ada.open(id);
  const dialog = ada.page.getByRole('dialog');
  const download = async (choose?: string) => {
    await ada.page.getByRole('button', { name: 'More' }).click();
    await ada.page.getByRole('menuitem', { name: 'Download…' }).click();
    if (choose !== undefined) await dialog.getByLabel('Line ends').selectOption(choose);
    const [file] = await Promise.all([ada.page.waitForEvent('download'), dialog.getByRole('button', { name: 'Download' }).click()]);
    expect(file.suggestedFilename()).toBe('notes.md');
    const chunks: Buffer[] = [];
    for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  };
  await ada.expectText('one\ntwo\n');
  await expect(ada.page.getByRole('button', { name: 'Line ends: CRLF' })).toBeVisible();
  expect(await download()).toBe('one\r\ntwo\r\n');
  expect(await download('lf')).toBe('one\ntwo\n');

  const bob = await join('Bob');
  await api.grant(ada.account, id, bob.account, 'viewer');
  await bob.open(id);
  await expect(bob.page.getByRole('button', { name: 'Line ends: CRLF' })).toBeDisabled();
  await ada.page.getByRole('button', { name: 'Line ends: CRLF' }).click();
  await ada.page.getByRole('menuitemradio', { name: 'LF (Linux, macOS)' }).click();
  await expect(ada.page.getByText('Downloads now have LF line ends, for everyone.')).toBeVisible();
  await expect(bob.page.getByRole('button', { name: 'Line ends: LF' })).toBeVisible();
  await ada.page.keyboard.press('Escape');
  expect(await download()).toBe('one\ntwo\n');
});

test('settings stay', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account, { text: 'text' });
  await ada.open(id);
  await ada.page.getByRole('button', { name: 'More' }).click();
  await ada.page.getByRole('menuitem', { name: 'Editor settings…' }).click();
  await ada.page.getByLabel('Theme').selectOption('dark');
  await ada.page.getByLabel('Font size').selectOption('20');
  await ada.page.reload();
  await ada.ready();
  await expect(ada.page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(ada.page.locator('.view-lines')).toHaveCSS('font-size', '20px');
});

test('words of the text are offered while code is written, and Enter stays Enter', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account, { title: 'a.ts', language: 'typescript', text: 'const greeting = 1;\n' });
  await ada.open(id);
  await ada.press('Control+End');
  await ada.type('gre');
  const offered = ada.page.locator('.suggest-widget.visible');
  await expect(offered.getByText('greeting')).toBeVisible();
  await ada.press('Tab');
  await ada.expectText('const greeting = 1;\ngreeting');
  await ada.press('Enter');
  await ada.type('gree');
  await expect(offered).toBeVisible();
  await ada.press('Enter');
  await ada.expectText('const greeting = 1;\ngreeting\ngree\n');
});

test('the menu of the text can be read', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account, { text: 'some words\n' });
  await ada.open(id);
  await ada.page.getByText('some words').click({ button: 'right' });
  const ground = ada.page.locator('.monaco-menu-container .monaco-scrollable-element').first();
  await expect(ground).toBeVisible();
  await expect(ground).toHaveCSS('background-color', 'rgb(255, 255, 255)');
});
