import { defineConfig } from '@playwright/test';
import base from '../playwright.config';

/** Takes the pictures of README.md: `make screenshots`. */
export default defineConfig({ ...base, testDir: '.', retries: 0 });
