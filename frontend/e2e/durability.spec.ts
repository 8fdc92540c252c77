import { expect, test } from './fixtures';

const ROUNDS = 4;
const SEED = Number(process.env.SEED);

test(`what was shown as saved survives kill -9 in the middle of typing (SEED=${SEED})`, async ({ join, api, server }) => {
  test.setTimeout(180_000);
  let chance = SEED;
  const pick = (below: number) => (chance = (chance * 16_807 + 11) % 2_147_483_647) % below;
  const ada = await join('Ada');
  const { id } = await api.create(ada.account);
  for (let round = 0; round < ROUNDS; round++) {
    const page = await ada.context.newPage();
    await page.goto(`${server.url}/d/${id}`);
    await page.waitForFunction(() => window.inside !== undefined);
    await page.locator('.native-edit-context, textarea.inputarea').first().focus();
    await page.keyboard.press('Control+End');
    const before = await page.evaluate(() => window.inside?.model.getValue(1).length ?? 0);
    await page.keyboard.type(`round ${round} `);
    await page.waitForFunction((length) => (window.lastSaved?.length ?? 0) > length, before);
    const typing = page.keyboard.type('abcdefghij '.repeat(20), { delay: 8 }).catch(() => undefined);
    const [keys, pause] = [10 + pick(120), pick(3)];
    await page.waitForFunction((least) => (window.inside?.model.getValue(1).length ?? 0) >= least, before + keys);
    if (pause === 0) await page.waitForFunction(() => document.querySelector('[data-save-state]')?.textContent === 'Saving…');
    await server.kill();
    await typing;
    const saved = await page.evaluate(() => window.lastSaved ?? '');
    // Closed before the server runs again: this page must save nothing after the kill.
    await page.close();
    await server.run();
    const kept = await api.text(ada.account, id);
    expect(kept.startsWith(saved), `round ${round}: shown as saved ${JSON.stringify(saved)}, kept ${JSON.stringify(kept)}`).toBe(true);
  }
});

test('a page that stays open brings everything back to a restarted server', async ({ join, api, server }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account);
  await ada.open(id);
  await ada.type('before ');
  await ada.expectSaved();
  await server.kill();
  await ada.type('during ');
  await expect(ada.state).toHaveText('Offline. Changes are NOT saved. Keep this tab open');
  await server.run();
  await ada.page.getByRole('button', { name: 'Try now' }).click();
  await ada.expectSaved();
  expect(await api.text(ada.account, id)).toBe('before during ');
  await ada.expectSound();
});
