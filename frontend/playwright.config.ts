import { defineConfig } from '@playwright/test';

// Here, so that every worker prints the same one.
process.env.SEED ??= String(Date.now() % 100_000);

export default defineConfig({
  testDir: 'e2e',
  // One server and one browser serve all: the machine is small, and timing matters in these tests.
  workers: 1,
  // A pause of the runner is no defect; the report names tests that passed only the second time.
  retries: process.env.CI ? 1 : 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list']],
  use: {
    trace: process.env.TRACE ? 'retain-on-failure' : 'off',
    screenshot: 'only-on-failure',
    viewport: { width: 1100, height: 720 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--disable-dev-shm-usage',
      ],
    },
  },
});
