// The browser of the tests that need one; they are skipped where there is none.
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const path = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));

/** What a title says where there is no browser. */
export const withoutChromium = path === undefined ? ' (there is none)' : '';

/** Starts Chromium, or skips the tests of the hook's suite. */
export function launchChromium(context: Mocha.Context): Promise<Browser> {
  if (path === undefined) return context.skip();
  // What a run with a sanitizer loads into each process slows the browser down too much.
  const { LD_PRELOAD: _, ...rest } = process.env;
  const env = Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return chromium.launch({ executablePath: path, args: ['--no-sandbox'], env });
}
