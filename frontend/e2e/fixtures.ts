import { type Browser, test as base, type BrowserContextOptions } from '@playwright/test';
import { Api } from './api';
import { Person, probe } from './person';
import { Server } from './server';

interface JoinOptions extends BrowserContextOptions {
  /** Another address of the server. */
  url?: string;
}

/** Creates people: each an account and a browser context, because two tabs of one context would not be two people. */
type Join = (name: string, options?: JoinOptions) => Promise<Person>;

interface Fixtures {
  api: Api;
  join: Join;
}

export const test = base.extend<Fixtures, { server: Server }>({
  server: [
     
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.destroy();
    },
    { scope: 'worker' },
  ],
  api: async ({ server }, use) => use(new Api(server.url)),
  join: async ({ browser, server, api }, use) => {
    const people: Person[] = [];
    await use(async (name, { url = server.url, ...options } = {}) => {
      const person = await join(browser, api, name, url, options);
      people.push(person);
      return person;
    });
    for (const { context } of people) await context.close();
  },
});

async function join(browser: Browser, api: Api, name: string, url: string, options: BrowserContextOptions): Promise<Person> {
  const account = await api.register(name);
  const context = await browser.newContext(options);
  const { token, expires_at, user } = account;
  await context.addInitScript(probe);
  await context.addInitScript(
    (session) => {
      // Once: a page that has signed out must not find itself signed in again.
      if (sessionStorage.getItem('e2e') === null) localStorage.setItem('codesync.session', JSON.stringify(session));
      sessionStorage.setItem('e2e', 'signed in');
    },
    { token, token_type: 'Bearer', expires_at, user },
  );
  return new Person(account, context, await context.newPage(), url);
}

export { expect } from '@playwright/test';
