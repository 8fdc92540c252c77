import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { expect, test as base } from './fixtures';
import { type Account, PASSWORD, probe } from './person';

const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';
const LF = 1;

/** Starts a Firefox over WebDriver BiDi, which the stock browser supports. */
const test = base.extend<{ launch: () => Promise<Browser> }>({
  launch: async ({}, use) => {
    const browsers: Browser[] = [];
    await use(async () => {
      const extraPrefsFirefox = { 'widget.gtk.overlay-scrollbars.enabled': false };
      const browser = await puppeteer.launch({ browser: 'firefox', executablePath: FIREFOX, headless: true, extraPrefsFirefox });
      browsers.push(browser);
      return browser;
    });
    for (const browser of browsers) await browser.close();
  },
});

/** Waits by selectors and by polling: the page's policy refuses functions of the driver. */
async function signIn(browser: Browser, url: string, account: Account): Promise<Page> {
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(probe);
  await page.goto(`${url}/login`);
  await page.type('input[type=email]', account.email);
  await page.type('input[type=password]', PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForSelector('::-p-text(Documents)');
  return page;
}

async function open(page: Page, url: string, id: string) {
  await page.goto(`${url}/d/${id}`);
  await expect.poll(() => page.evaluate(() => window.inside !== undefined), { timeout: 30_000 }).toBe(true);
  await page.waitForSelector('.view-lines');
  await page.focus('textarea.inputarea, .native-edit-context');
}

const textOf = (page: Page) => page.evaluate((lf) => window.inside?.model.getValue(lf) ?? '', LF);
const saveState = (page: Page) => page.$eval('[data-save-state]', (element) => element.textContent);

test('two people write together in Firefox', async ({ server, api, launch }) => {
  test.setTimeout(120_000);
  const [ada, bob] = [await api.register('Ada'), await api.register('Bob')];
  const { id } = await api.create(ada, { title: 'together.ts', language: 'typescript', text: 'top\n\nbottom\n' });
  await api.grant(ada, id, bob, 'editor');
  // A browser each: of two tabs one would be hidden, and draw nothing.
  const [hers, his] = [await signIn(await launch(), server.url, ada), await signIn(await launch(), server.url, bob)];
  await open(hers, server.url, id);
  await open(his, server.url, id);

  await his.keyboard.down('Control');
  await his.keyboard.press('End');
  await his.keyboard.up('Control');
  await Promise.all([hers.keyboard.type('ada writes here 👋 '), his.keyboard.type('bob writes there ')]);
  const all = 'ada writes here 👋 top\n\nbottom\nbob writes there ';
  for (const page of [hers, his]) {
    await expect.poll(() => textOf(page)).toBe(all);
    await expect.poll(() => saveState(page)).toBe('Saved');
  }
  expect(await api.text(ada, id)).toBe(all);

  // Each sees the other's caret and selection, in the other's colour.
  await his.keyboard.down('Shift');
  await his.keyboard.press('Home');
  await his.keyboard.up('Shift');
  await hers.waitForSelector('.cs-sel');
  await hers.waitForSelector('.cs-caret');
  await hers.waitForSelector('button[aria-label^="Bob"]');
  await his.waitForSelector('button[aria-label^="Ada"]');

  // Undo affects one's own edits only.
  await hers.keyboard.down('Control');
  for (let word = 0; word < 8; word++) await hers.keyboard.press('z');
  await hers.keyboard.up('Control');
  await expect.poll(() => textOf(his)).toBe('top\n\nbottom\nbob writes there ');

  // A server that dies in between costs nothing, and "Saved" returns without an action.
  await server.kill();
  await expect.poll(() => saveState(hers)).not.toBe('Saved');
  await hers.keyboard.type('offline ');
  await server.run();
  for (const page of [hers, his]) {
    await expect.poll(() => textOf(page), { timeout: 30_000 }).toBe('offline top\n\nbottom\nbob writes there ');
    await expect.poll(() => saveState(page)).toBe('Saved');
    expect(await page.evaluate(() => window.inside?.binding.heals)).toBe(0);
  }
  expect(await api.text(bob, id)).toBe('offline top\n\nbottom\nbob writes there ');
});

test('pages with a scrollbar and without have their things at the same places', async ({ server, api, launch }) => {
  const ada = await api.register('Ada');
  for (let n = 0; n < 12; n++) await api.create(ada, { title: `${n}.txt` });
  const page = await signIn(await launch(), server.url, ada);
  await page.waitForSelector('::-p-text(11.txt)');
  const look = () =>
    page.evaluate(() => {
      const avatar = document.querySelector('button[aria-label^="Account of"]')?.getBoundingClientRect();
      const heading = document.querySelector('h1')?.getBoundingClientRect();
      const scrolls = document.documentElement.scrollHeight > document.documentElement.clientHeight;
      return { avatar: avatar?.right, heading: heading?.left, scrolls };
    });
  const long = await look();
  await page.click('label input[type=search]');
  await page.keyboard.type('nothing has this name');
  await page.waitForSelector('::-p-text(No document)');
  expect(await look()).toEqual({ ...long, scrolls: false });
  expect(long.scrolls).toBe(true);
});
