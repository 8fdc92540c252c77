import type { Locator, Page } from '@playwright/test';
import { expect, test } from './fixtures';
import { PASSWORD, probe } from './person';

const STEPS_MAX = 40;

/** Presses Tab until the focus is where it should be: that it gets there is under test. */
async function tabTo(page: Page, target: Locator) {
  for (let step = 0; step < STEPS_MAX; step++) {
    if (await target.evaluate((element) => element === document.activeElement).catch(() => false)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${target.toString()}`);
}

test('the whole way by keyboard alone', async ({ browser, server, join }) => {
  const bob = await join('Bob');
  const context = await browser.newContext();
  await context.addInitScript(probe);
  const page = await context.newPage();
  await page.goto(`${server.url}/register`);
  await tabTo(page, page.getByLabel('Name'));
  await page.keyboard.type('Kay');
  await tabTo(page, page.getByLabel('E-mail'));
  await page.keyboard.type(`kay-${crypto.randomUUID().slice(0, 8)}@example.org`);
  await tabTo(page, page.getByLabel('Password'));
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Documents' }).waitFor();

  await tabTo(page, page.getByRole('button', { name: 'New document' }).first());
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog').getByLabel('Name')).toBeFocused();
  await page.keyboard.type('keys.md');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => window.inside !== undefined);
  const editor = page.locator('.native-edit-context, textarea.inputarea').first();
  await expect(editor).toBeFocused();
  await page.keyboard.type('typed');
  await expect(page.locator('[data-save-state]')).toHaveText('Saved');

  // Tab indents, until Ctrl+M makes it move the focus.
  await page.keyboard.press('Control+m');
  await page.keyboard.press('Shift+Tab');
  await expect(editor).not.toBeFocused();
  const share = page.getByRole('button', { name: 'Share' });
  for (let step = 0; step < STEPS_MAX && !(await share.evaluate((element) => element === document.activeElement)); step++) await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Add a person by e-mail')).toBeFocused();
  await page.keyboard.type(bob.account.email);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog').getByText(bob.account.email)).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(share).toBeFocused();

  await tabTo(page, page.getByRole('button', { name: 'More' }));
  await page.keyboard.press('Enter');
  // A menu receives keys once one of its items has the focus.
  await expect(page.getByRole('menu').getByRole('menuitem').first()).toBeFocused();
  await page.keyboard.press('End');
  await expect(page.getByRole('menuitem', { name: 'Delete document…' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'Delete this document?' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);

  await page.reload();
  await page.getByRole('heading', { name: 'keys.md' }).waitFor();
  await page.getByRole('link', { name: 'Your documents' }).focus();
  await page.keyboard.press('Shift+Tab');
  await expect(page.getByRole('button', { name: 'Skip to the text' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(editor).toBeFocused();
  await context.close();
});
