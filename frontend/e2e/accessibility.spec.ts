import { expectAccessible } from './axe';
import { Cutter } from './cutter';
import { expect, test } from './fixtures';

const CODE = `// Greets the world.\nimport { world } from './world';\n\nexport class Greeter<T> {\n  private count = 0x1f;\n\n  /** Says it. */\n  greet(name: string): string {\n    const pattern = /^h[aeiou]llo\\s+(.*)$/i;\n    return \`hello \${name ?? "nobody"}\` + world[(this.count + 1) % 2];\n  }\n}\n`;

for (const colorScheme of ['light', 'dark'] as const) {
  test(`pages and dialogs, ${colorScheme}`, async ({ join, api, browser, server }) => {
    test.setTimeout(180_000);
    const stranger = await (await browser.newContext({ colorScheme })).newPage();
    for (const path of ['/login', '/register']) {
      await stranger.goto(server.url + path);
      await stranger.getByRole('heading', { level: 1 }).waitFor();
      await expectAccessible(stranger);
    }
    await stranger.context().close();

    const [ada, bob] = [await join('Ada', { colorScheme, reducedMotion: 'reduce' }), await join('Bob')];
    const { page } = ada;
    await page.goto(ada.url);
    await page.getByRole('heading', { name: 'Start with a document' }).waitFor();
    await expectAccessible(page);

    const { id } = await api.create(ada.account, { title: 'greeter.ts', language: 'typescript', text: CODE });
    const shared = await api.create(bob.account, { title: 'theirs.md', language: 'markdown', text: '# Theirs\n\nsome *text*, `code` and [a link](https://example.org)\n' });
    await api.grant(bob.account, shared.id, ada.account, 'viewer');
    await api.grant(ada.account, id, bob.account, 'editor');
    await page.reload();
    await page.getByRole('link', { name: 'greeter.ts' }).waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Actions for greeter.ts' }).click();
    await expectAccessible(page);
    await page.getByRole('menuitem', { name: 'Rename…' }).click();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Actions for greeter.ts' }).click();
    await page.getByRole('menuitem', { name: 'Delete…' }).click();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'New document' }).click();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Account of Ada' }).click();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('tab', { name: 'Shared with me' }).click();
    await page.getByRole('link', { name: 'theirs.md' }).waitFor();
    await expectAccessible(page);

    for (const path of ['/account', '/no/such/page', '/join/no-such-link', '/d/018f0000-0000-7000-8000-000000000000']) {
      await page.goto(ada.url + path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await expectAccessible(page);
    }
    await ada.open(shared.id);
    await expect(page.getByText('View only')).toBeVisible();
    await expectAccessible(page);
  });

  test(`the editor and what opens over it, ${colorScheme}`, async ({ join, api }) => {
    test.setTimeout(180_000);
    const [ada, bob] = [await join('Ada', { colorScheme, reducedMotion: 'reduce' }), await join('Bob')];
    const { page } = ada;
    const { id } = await api.create(ada.account, { title: 'greeter.ts', language: 'typescript', text: CODE });
    await api.grant(ada.account, id, bob.account, 'editor');
    await ada.open(id);
    await bob.open(id);
    await bob.press('ArrowDown', 'Shift+End');
    await expect(page.locator('.cs-sel')).toBeVisible();
    // The tokenizer of the language loads late and colours the text again.
    await expect(page.locator('.view-line').first().locator('span span').first()).toHaveCSS('font-style', 'italic');
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByRole('dialog').getByText(bob.account.email).waitFor();
    await page.getByRole('button', { name: 'Create link' }).click();
    await page.getByRole('button', { name: 'Copy link' }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    for (const item of ['Version history…', 'Download…', 'Editor settings…', 'Keyboard shortcuts', 'Delete document…']) {
      await page.getByRole('button', { name: 'More' }).click();
      await page.getByRole('menuitem', { name: item }).click();
      await page.getByRole('dialog').waitFor();
      await expectAccessible(page);
      await page.keyboard.press('Escape');
    }
    const language = page.getByRole('button', { name: 'Language: TypeScript' });
    await language.click();
    await page.getByRole('listbox').waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    // The focus returns in a task of its own, and would be taken from the editor.
    await expect(language).toBeFocused();
    await ada.editor.focus();
    await ada.press('Control+f');
    await page.locator('.find-widget.visible').waitFor();
    await expectAccessible(page);
    await ada.press('Control+h');
    await page.locator('.find-widget.replaceToggled').waitFor();
    await expectAccessible(page);
    await ada.press('Escape', 'Control+Shift+p');
    await page.getByRole('dialog', { name: 'Commands' }).waitFor();
    await expectAccessible(page);
    await ada.press('Escape');
    await page.getByRole('heading', { name: 'greeter.ts' }).getByRole('button').click();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await api.signOut(ada.account);
    await page.getByText('Your login has ended.').waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Sign in again' }).click();
    await page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
    await expectAccessible(page);
  });

  test(`bad news, ${colorScheme}`, async ({ join, api, server }) => {
    const cutter = await Cutter.to(server.port);
    const [ada, bob] = [await join('Ada'), await join('Bob', { colorScheme, url: cutter.url })];
    const { id } = await api.create(ada.account, { text: 'text\n' });
    await api.grant(ada.account, id, bob.account, 'editor');
    await bob.open(id);
    cutter.cut();
    await expect(bob.page.getByText('The server cannot be reached.')).toBeVisible();
    await bob.press('Control+s');
    await expectAccessible(bob.page);
    cutter.heal();
    await bob.page.getByRole('button', { name: 'Try now' }).click();
    await bob.expectSaved();
    await api.revoke(ada.account, id, bob.account);
    await expect(bob.page.getByRole('button', { name: 'Download a copy' })).toBeVisible();
    await expectAccessible(bob.page);
    cutter.close();
  });
}

test('the dashboard and the share dialog fit a phone', async ({ join, api }) => {
  const ada = await join('Ada', { viewport: { width: 360, height: 740 } });
  const { id } = await api.create(ada.account, { title: 'a rather long name for a document on a small screen.md' });
  await ada.page.goto(ada.url);
  await ada.page.getByRole('listitem').first().waitFor();
  const overflow = () => ada.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(await overflow()).toBe(0);
  await ada.open(id);
  await ada.page.getByRole('button', { name: 'Share' }).click();
  const dialog = ada.page.getByRole('dialog');
  await dialog.getByText(ada.account.email).waitFor();
  const box = await dialog.boundingBox();
  expect(box?.x).toBeGreaterThanOrEqual(0);
  expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(360);
  expect(await overflow()).toBe(0);
});

for (const width of [1100, 390]) {
  test(`long names and titles stay in their place at ${width} px`, async ({ join, api }) => {
    const long = 'Maximiliana-Konstanzia von und zu Hohenberg-Schwarzenfels-Unterlauterbach';
    const [ada, max] = [await join('Ada', { viewport: { width, height: 740 } }), await join(long)];
    const { id } = await api.create(ada.account, { title: `${'one-word-that-never-ends-'.repeat(7)}.ts` });
    await api.grant(ada.account, id, max.account, 'editor');
    await ada.open(id);
    const { page } = ada;
    for (const name of ['Share', 'More', 'Account of Ada']) await expect(page.getByRole('button', { name })).toBeInViewport({ ratio: 1 });
    // The title shrinks, not the save state.
    const state = await ada.state.locator('span').evaluate((words) => words.scrollWidth - words.clientWidth);
    expect(state).toBe(0);
    const dialog = page.getByRole('dialog');
    const spills = () => dialog.evaluate((element) => element.scrollWidth - element.clientWidth);
    await page.getByRole('button', { name: 'Share' }).click();
    await dialog.getByText(max.account.email).waitFor();
    expect(await spills()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Delete document…' }).click();
    expect(await spills()).toBe(0);
  });
}
