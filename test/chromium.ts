// The browser of the tests that need one; they are skipped where there is none.
import { existsSync } from 'node:fs';

/** Where Chromium is, if it is installed. */
export const chromiumPath = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));

/** What a title says where there is no browser. */
export const withoutChromium = chromiumPath === undefined ? ' (there is none)' : '';
