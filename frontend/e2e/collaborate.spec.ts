import { Cutter } from './cutter';
import { expect, test } from './fixtures';

test('two people write at the same time and end with one text', async ({ join, api }) => {
  const [ada, grace] = [await join('Ada'), await join('Grace')];
  const { id } = await api.create(ada.account, { text: 'top\n\nbottom\n' });
  await api.grant(ada.account, id, grace.account, 'editor');
  await ada.open(id);
  await grace.open(id);
  await grace.press('Control+End');
  await Promise.all([ada.type('ada writes here '), grace.type('grace writes there ')]);
  await expect.poll(() => ada.text()).toBe('ada writes here top\n\nbottom\ngrace writes there ');
  await grace.expectText(await ada.text());
  await ada.expectSaved();
  await grace.expectSaved();
  expect(await api.text(ada.account, id)).toBe(await ada.text());
  for (const each of [ada, grace]) await each.expectSound();
});

test('two people at one spot do not interleave', async ({ join, api }) => {
  const [ada, grace] = [await join('Ada'), await join('Grace')];
  const { id } = await api.create(ada.account);
  await api.grant(ada.account, id, grace.account, 'editor');
  await ada.open(id);
  await grace.open(id);
  await Promise.all([ada.page.keyboard.type('aaaaaaaaaaaaaaaa', { delay: 25 }), grace.page.keyboard.type('zzzzzzzzzzzzzzzz', { delay: 25 })]);
  await expect.poll(async () => (await ada.text()).length).toBe(32);
  expect(await ada.text()).toMatch(/^(a{16}z{16}|z{16}a{16})$/);
  await grace.expectText(await ada.text());
});

test('everyone sees the people, carets and selections of others', async ({ join, api }) => {
  const [ada, grace] = [await join('Ada'), await join('Grace')];
  const { id } = await api.create(ada.account, { text: 'one two three\n' });
  await api.grant(ada.account, id, grace.account, 'editor');
  await ada.open(id);
  await grace.open(id);
  await expect(ada.page.getByRole('list', { name: 'People here' }).getByRole('button', { name: 'Grace' })).toBeVisible();
  await grace.press('Control+Home', 'Control+Shift+ArrowRight');
  await expect(ada.page.locator('.cs-caret')).toBeVisible();
  await expect(ada.page.locator('.cs-sel')).toBeVisible();
  await expect(ada.page.locator('.cs-name.cs-shown')).toHaveText('Grace');
  await grace.page.close();
  await expect(ada.page.locator('.cs-caret')).toHaveCount(0);
  await expect(ada.page.getByRole('list', { name: 'People here' })).toHaveCount(0);
});

test('someone’s avatar leads to where they are', async ({ join, api }) => {
  const [ada, grace] = [await join('Ada'), await join('Grace')];
  const { id } = await api.create(ada.account, { text: Array.from({ length: 300 }, (_, n) => `line ${n + 1}`).join('\n') });
  await api.grant(ada.account, id, grace.account, 'editor');
  await ada.open(id);
  await grace.open(id);
  await grace.press('Control+End');
  await expect(ada.page.getByText('line 300', { exact: true })).toHaveCount(0);
  const avatar = ada.page.getByRole('list', { name: 'People here' }).getByRole('button', { name: 'Grace' });
  // Her position arrives shortly after her presence.
  await expect(async () => {
    await avatar.click();
    await expect(ada.page.getByText('line 300', { exact: true })).toBeInViewport({ timeout: 1000 });
  }).toPass();
});

test('a name is shown as text', async ({ join, api }) => {
  const hostile = `"}*{display:none}<img src=x>`;
  const ada = await join('Ada');
  const other = await join('Mallory');
  await other.page.goto(`${other.url}/account`);
  await other.page.getByLabel('Name').fill(hostile);
  await other.page.getByRole('button', { name: 'Save profile' }).click();
  await expect(other.page.getByText('Profile saved.')).toBeVisible();
  const { id } = await api.create(ada.account, { text: 'one two three\n' });
  await api.grant(ada.account, id, other.account, 'editor');
  await ada.open(id);
  await other.open(id);
  await other.press('End');
  await expect(ada.page.locator('.cs-name')).toHaveText(hostile);
  await expect(ada.page.getByRole('button', { name: 'Share' })).toBeVisible();
  await expect(ada.page.locator('.cs-name img')).toHaveCount(0);
});

test('edits made while the connection is cut arrive after it is restored', async ({ join, api, server }) => {
  const cutter = await Cutter.to(server.port);
  const [ada, grace] = [await join('Ada', { url: cutter.url }), await join('Grace')];
  const { id } = await api.create(ada.account, { text: 'start\n' });
  await api.grant(ada.account, id, grace.account, 'editor');
  await ada.open(id);
  await grace.open(id);
  await grace.press('Control+End');
  await ada.type('1');
  await grace.expectText('1start\n');
  await ada.expectSaved();
  cutter.cut();
  await expect(ada.state).toHaveText('Offline. Everything so far is saved');
  await ada.type('A');
  await expect(ada.state).toHaveText('Offline. Changes are NOT saved. Keep this tab open');
  await expect(ada.page.getByRole('status').filter({ hasText: 'NOT saved' })).toHaveCount(1);
  await ada.press('Control+s');
  await expect(ada.page.getByText('Offline. Changes are NOT saved. Keep this tab open.')).toBeVisible();
  await grace.type('G');
  await ada.expectText('1Astart\n');
  cutter.heal();
  await ada.page.getByRole('button', { name: 'Try now' }).click();
  await ada.expectText('1Astart\nG');
  await grace.expectText('1Astart\nG');
  await ada.expectSaved();
  // The words about that state are gone too.
  await expect(ada.page.getByText('Keep this tab open')).toHaveCount(0);
  expect(await api.text(ada.account, id)).toBe('1Astart\nG');
  await ada.expectSound();
  cutter.close();
});

test('a document left while offline is still saved later', async ({ join, api, server }) => {
  const cutter = await Cutter.to(server.port);
  const ada = await join('Ada', { url: cutter.url });
  const { id } = await api.create(ada.account);
  await ada.page.goto(ada.url);
  await ada.page.getByRole('link', { name: 'notes.txt' }).click();
  await ada.ready();
  cutter.cut();
  await ada.type('not lost');
  await ada.page.getByRole('link', { name: 'Your documents' }).click();
  await expect(ada.page.getByText('changes that are not saved yet')).toBeVisible();
  cutter.heal();
  await expect(ada.page.getByText('changes that are not saved yet')).toHaveCount(0, { timeout: 40_000 });
  expect(await api.text(ada.account, id)).toBe('not lost');
  cutter.close();
});
