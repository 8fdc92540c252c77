import { type BrowserContext, expect, type Locator, type Page } from '@playwright/test';

export const PASSWORD = 'correct horse battery';

interface Edit {
  range: { startLineNumber: number; startColumn: number; endLineNumber: number; endColumn: number };
  text: string;
}

interface Inside {
  model: { getValue: (eol: number) => string; pushEditOperations: (before: [], edits: Edit[], after: () => null) => void };
  text: { toString: () => string };
  binding: { heals: number };
}

declare global {
  interface Window {
    inside?: Inside;
    lastSaved?: string;
    codesyncProbe?: (inside: Inside) => void;
  }
}

// Monaco's EndOfLinePreference.LF, in a page that has no Monaco to import.
const LF = 1;

/** Exposes the editor to tests, and records the text at the last frame that showed "Saved". */
export function probe() {
  window.codesyncProbe = (inside) => (window.inside = inside);
  const look = () => {
    const shown = document.querySelector('[data-save-state]')?.textContent;
    if (shown === 'Saved' && window.inside) window.lastSaved = window.inside.model.getValue(1);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

export interface Account {
  id: string;
  name: string;
  email: string;
  token: string;
  expires_at: string;
  user: unknown;
}

/** Someone with an account and a browser of their own. */
export class Person {
  constructor(
    readonly account: Account,
    readonly context: BrowserContext,
    readonly page: Page,
    /** The address of the server for this person's browser. */
    readonly url: string,
  ) {}

  get editor(): Locator {
    return this.page.locator('.native-edit-context, textarea.inputarea').first();
  }

  get state(): Locator {
    return this.page.locator('[data-save-state]');
  }

  async open(documentId: string) {
    await this.page.goto(`${this.url}/d/${documentId}`);
    await this.ready();
  }

  /** Waits for the text and focuses it. */
  async ready() {
    await this.page.waitForFunction(() => window.inside !== undefined);
    await this.page.locator('.view-lines').waitFor();
    await this.editor.focus();
  }

  async type(text: string) {
    await this.editor.focus();
    await this.page.keyboard.type(text);
  }

  async press(...keys: string[]) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** The text of this person's editor. */
  text(): Promise<string> {
    return this.page.evaluate((lf) => window.inside?.model.getValue(lf) ?? '', LF);
  }

  async expectText(text: string) {
    await expect.poll(() => this.text()).toBe(text);
  }

  async expectSaved() {
    await expect(this.state).toHaveText('Saved');
  }

  /** The editor never had to be corrected from the text. */
  async expectSound() {
    const inside = await this.page.evaluate((lf) => {
      const { model, text, binding } = window.inside ?? { model: null, text: null, binding: null };
      return { same: model?.getValue(lf) === text?.toString(), heals: binding?.heals };
    }, LF);
    expect(inside).toEqual({ same: true, heals: 0 });
  }
}
