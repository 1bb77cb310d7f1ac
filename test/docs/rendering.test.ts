// How the documentation's pictures look in a browser, on light pages and on dark ones.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { themes } from '../../scripts/lib/themes.js';
import { launchChromium, withoutChromium } from '../chromium.js';
import { root, textOf } from './pages.js';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pictures = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.svg'))
  .map((name) => `docs/${name}`);

describe(`the documentation's pictures in Chromium${withoutChromium}`, function () {
  this.timeout(120_000);
  let browser: Browser;
  before(async function () {
    browser = await launchChromium(this);
  });
  after(() => browser?.close());

  const withPage = async (options: Parameters<Browser['newPage']>[0], body: (page: Page) => Promise<void>) => {
    const page = await browser.newPage(options);
    try {
      await body(page);
    } finally {
      await page.close();
    }
  };

  for (const picture of pictures) {
    it(`${picture}: every text is inside, readable, and over no other`, () =>
      withPage({ viewport: { width: 1000, height: 1500 } }, async (page) => {
        await page.setContent(`<body style="margin: 40px">${read(picture).replace('<svg ', '<svg width="760" ')}`);
        await page.addScriptTag({ content: read('test/docs/text-faults.mjs') });
        expect(await page.evaluate('faultsOfTexts()')).deep.equal([]);
      }));
  }

  const blocks = [...textOf('README.md').matchAll(/<picture>[\s\S]*?<\/picture>/g)].map(([block]) => block);
  for (const [scheme, theme] of Object.entries(themes) as ['light' | 'dark', (typeof themes)['light']][]) {
    for (const width of [900, 420]) {
      it(`those of the README show their ${scheme} form on a ${scheme} page of ${width} pixels`, () =>
        withPage({ viewport: { width, height: 800 }, colorScheme: scheme }, async (page) => {
          const html = blocks.join('\n').replace(/docs\/[\w/-]+\.svg/g, (path) => {
            return `data:image/svg+xml;base64,${Buffer.from(read(path)).toString('base64')}`;
          });
          // As GitHub's style has it.
          await page.setContent(`<style>img { max-width: 100% }</style>${html}`);
          const images = await page.locator('img').all();
          expect(images).length(blocks.length).above(0);
          for (const image of images) {
            expect((await image.boundingBox())!.width).within(Math.min(width, 700) - 60, width);
            const { data, info } = await sharp(await image.screenshot())
              .removeAlpha()
              .raw()
              .toBuffer({ resolveWithObject: true });
            const shares = new Map<string, number>();
            for (let i = 0; i < data.length; i += 3) {
              const color = `#${data.subarray(i, i + 3).toString('hex')}`;
              shares.set(color, (shares.get(color) ?? 0) + 3 / data.length);
            }
            expect(info.width, 'it is drawn').above(300);
            const paper = shares.get(theme.paper);
            expect(paper, 'paper').above(0.5);
            expect(1 - paper!, 'ink').above(0.05);
          }
        }));
    }
  }
});
