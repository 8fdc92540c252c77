import type { CDPSession } from '@playwright/test';
import type { Api } from './api';
import { expect, test } from './fixtures';
import type { Person } from './person';
import { type Replacement, Stock } from './stock';

const LINE = 'hello ';
const REST = '\ntail\n';

/** The intermediate texts of an input method, and the committed one. */
const METHODS: Record<string, { shown: string[]; committed: string }> = {
  Chinese: { shown: ['n', 'ni', 'ni h', 'ni hao'], committed: '你好' },
  Japanese: { shown: ['か', 'かn', 'かん', 'かんじ', '漢字'], committed: '漢字' },
  Korean: { shown: ['ㅎ', '하', '한'], committed: '한' },
  'a dead key': { shown: ['´'], committed: 'é' },
  'whole words on Android': { shown: ['w', 'wo', 'wor', 'word'], committed: 'word ' },
};

/** An edit by someone else on that line during the composition, and the text before and after the composed text afterwards. */
const OTHERS: Record<string, { edit: Replacement; before: string; behind: string }> = {
  'inserts at the start of the line': { edit: [0, 0, '####'], before: '####hello ', behind: REST },
  'inserts inside the line': { edit: [2, 0, '##'], before: 'he##llo ', behind: REST },
  'inserts a line above': { edit: [0, 0, 'top\n'], before: 'top\nhello ', behind: REST },
  'deletes the start of the line': { edit: [0, 3, ''], before: 'lo ', behind: REST },
};

async function compose(cdp: CDPSession, shown: string) {
  await cdp.send('Input.imeSetComposition', { text: shown, selectionStart: shown.length, selectionEnd: shown.length });
}

async function expectSame(api: Api, ada: Person, id: string, stock: Stock, text: string) {
  await ada.expectText(text);
  await ada.expectSaved();
  expect(await api.text(ada.account, id)).toBe(text);
  await expect.poll(() => stock.text()).toBe(text);
  await ada.expectSound();
}

test('edits of others on the line of a composition keep all text', async ({ join, api }) => {
  const ada = await join('Ada');
  const cdp = await ada.context.newCDPSession(ada.page);
  const { id } = await api.create(ada.account);
  const stock = await Stock.join(ada.url, id, ada.account.token);
  await ada.open(id);
  for (const [method, { shown, committed }] of Object.entries(METHODS)) {
    for (const [what, { edit, before, behind }] of Object.entries(OTHERS)) {
      await test.step(`${method}: another person ${what}`, async () => {
        await stock.edit([0, (await stock.text()).length, LINE + REST]);
        await ada.expectText(LINE + REST);
        await ada.press('Control+Home', 'End');
        const [first, second] = [shown.slice(0, Math.ceil(shown.length / 2)), shown.slice(Math.ceil(shown.length / 2))];
        for (const text of first) await compose(cdp, text);
        const composed = first.at(-1) ?? '';
        await ada.expectText(LINE + composed + REST);
        await stock.edit(edit);
        await ada.expectText(before + composed + behind);
        for (const text of second) await compose(cdp, text);
        await cdp.send('Input.insertText', { text: committed });
        await expectSame(api, ada, id, stock, before + committed + behind);
      });
    }
  }
  stock.close();
});

test('a line that others replace during a composition keeps their text', async ({ join, api }) => {
  const ada = await join('Ada');
  const cdp = await ada.context.newCDPSession(ada.page);
  const { id } = await api.create(ada.account, { text: LINE + REST });
  const stock = await Stock.join(ada.url, id, ada.account.token);
  await ada.open(id);
  await ada.press('Control+Home', 'End');
  await compose(cdp, 'n');
  await compose(cdp, 'ni');
  await ada.expectText(`${LINE}ni${REST}`);
  await stock.edit([0, LINE.length + 2, 'NEW LINE']);
  await ada.expectText(`NEW LINE${REST}`);
  await compose(cdp, 'nihao');
  await cdp.send('Input.insertText', { text: '你好' });
  await expect.poll(() => ada.text()).toContain('你好');
  await expectSame(api, ada, id, stock, await ada.text());
  expect(await ada.text()).toMatch(/^(你好)?NEW LINE(你好)?\n/);
  stock.close();
});

test('an edit of others inside an emoji is shown as the server has it', async ({ join, api }) => {
  const ada = await join('Ada');
  const cases: [string, Replacement[], string][] = [
    ['a😀b\n', [[2, 0, 'X']], 'a\ufffdX\ufffdb\n'],
    ['a😀b\n', [[2, 1, '']], 'a\ufffdb\n'],
    ['a😀b\n', [[0, 2, '']], '\ufffdb\n'],
    ['a😀b\n', [[2, 0, 'X'], [2, 1, '']], 'a\ufffd\ufffdb\n'],
    ['a👩‍👩‍👧b\n', [[5, 1, '']], 'a👩‍\ufffd‍👧b\n'],
  ];
  for (const [before, edits, after] of cases) {
    const { id } = await api.create(ada.account, { text: before });
    const stock = await Stock.join(ada.url, id, ada.account.token);
    await ada.open(id);
    await stock.edit(...edits);
    await ada.expectText(after);
    await ada.press('Control+End');
    await ada.type('!');
    await expectSame(api, ada, id, stock, `${after}!`);
    stock.close();
  }
});

test('half an emoji from an extension becomes a replacement character for everybody', async ({ join, api }) => {
  const ada = await join('Ada');
  const { id } = await api.create(ada.account, { text: 'ab\n' });
  const stock = await Stock.join(ada.url, id, ada.account.token);
  await ada.open(id);
  for (const [column, half] of [[2, '\ud83d'], [3, '\ude00']] as const) {
    await ada.page.evaluate(
      ([startColumn, text]) => {
        const range = { startLineNumber: 1, startColumn, endLineNumber: 1, endColumn: startColumn };
        window.inside?.model.pushEditOperations([], [{ range, text }], () => null);
      },
      [column, half] as const,
    );
  }
  await expectSame(api, ada, id, stock, 'a\ufffd\ufffdb\n');
  stock.close();
});

test('nine hundred matches in a megabyte are replaced, saved and undone in one step', async ({ join, api }) => {
  const [ada, bob] = [await join('Ada'), await join('Bob')];
  const line = `let old_name = 1; ${'// and so on '.repeat(90)}\n`;
  const text = line.repeat(900);
  const { id } = await api.create(ada.account, { text });
  await api.grant(ada.account, id, bob.account, 'editor');
  const stock = await Stock.join(bob.url, id, bob.account.token);
  await ada.open(id);
  await ada.press('Control+h');
  await ada.page.keyboard.type('old_name');
  await ada.press('Tab');
  await ada.page.keyboard.type('longer_name');
  await ada.press('Control+Alt+Enter');
  const replaced = text.replaceAll('old_name', 'longer_name');
  await expect.poll(async () => (await ada.text()) === replaced).toBe(true);
  await ada.expectSaved();
  expect((await api.text(ada.account, id)) === replaced).toBe(true);
  await expect.poll(async () => (await stock.text()) === replaced).toBe(true);
  await ada.press('Escape');
  await ada.editor.focus();
  await ada.press('Control+z');
  await expect.poll(async () => (await ada.text()) === text).toBe(true);
  await ada.expectSaved();
  expect((await api.text(ada.account, id)) === text).toBe(true);
  await ada.expectSound();
  stock.close();
});
