import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '../e2e/fixtures';

const BYTES_MAX = 300_000;

const TEXT = `from collections import Counter


def words(text: str) -> Counter[str]:
    """Counts the words of a text, ignoring case."""
    return Counter(text.lower().split())


def most_common(text: str, count: int = 3) -> list[str]:
    return [word for word, _ in words(text).most_common(count)]


if __name__ == "__main__":
    print(most_common("the quick brown fox jumps over the lazy dog"))
`;

for (const colorScheme of ['light', 'dark'] as const) {
  test(`two people edit one file, ${colorScheme}`, async ({ join, api }) => {
    const options = { colorScheme, viewport: { width: 1000, height: 520 }, deviceScaleFactor: 2 };
    const [ada, bob] = [await join('Ada', options), await join('Bob', options)];
    const { id } = await api.create(ada.account, { title: 'words.py', language: 'python', text: TEXT });
    await api.grant(ada.account, id, bob.account, 'editor');
    await ada.open(id);
    await bob.open(id);
    await bob.press('Control+Home', ...Array<string>(5).fill('ArrowDown'), 'End');
    await ada.press('Control+End', 'ArrowUp', 'End', 'Shift+Home');
    await bob.type('  # on white space');
    await expect(ada.page.getByTitle('Saved')).toBeVisible();
    await ada.expectText(await bob.text());
    const path = fileURLToPath(new URL(`../../docs/images/editing-${colorScheme}.png`, import.meta.url));
    await ada.page.screenshot({ path });
    expect((await stat(path)).size).toBeLessThan(BYTES_MAX);
  });
}
