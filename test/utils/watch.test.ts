import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { utils } from '../../lib/index.js';
import { WatchServer } from '../../lib/utils/watch/server.js';
import { launchChromium, withoutChromium } from '../chromium.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Writes steps of a run whose norm is now and then large. */
function grow(log: utils.RunLog, from: number, to: number, lossAt: (step: number) => number): void {
  for (let step = from; step <= to; step++) {
    const norm = step % 9 === 0 ? 20 : 1 + Math.sin(step);
    log.step(lossAt(step), step);
    log.writer.addScalar('clip/norm', norm, step);
    log.writer.addScalar('clip/threshold', 2, step);
    log.writer.addScalar('clip/clipped', norm > 2 ? 1 : 0, step);
    for (const layer of ['head.weight', 'head.bias']) log.writer.addScalar(`layers/${layer}`, norm / 2, step);
  }
}

describe('npx torch-clip watch', () => {
  let folder: string;
  let one: utils.RunLog;
  let two: utils.RunLog;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-watch-'));
    one = new utils.RunLog(join(folder, 'clip.norm(2)'));
    two = new utils.RunLog(join(folder, 'no <clipping>'));
    grow(one, 1, 60, (step) => 1 / step);
    grow(two, 1, 60, (step) => 2 + 1 / step);
  });
  afterEach(() => {
    one.close();
    two.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const get = (address: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      const sent = request(address, { method, headers }, (response) => {
        let body = '';
        response.on('data', (part) => (body += part));
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      });
      sent.on('error', reject).end();
    });
  /** A server that looks at the folder when it is told to, not by the clock. */
  const served = async (body: (server: WatchServer, address: string) => Promise<void>) => {
    const server = new WatchServer(folder, { port: 0, interval: 1e9 });
    try {
      await body(server, await server.listen());
    } finally {
      await server.close();
    }
  };

  it('serves a page on this machine alone, to itself alone', () =>
    served(async (_, address) => {
      expect(address).to.match(/^http:\/\/127\.0\.0\.1:\d+\/$/);
      const page = await get(address);
      expect(page.status).to.equal(200);
      expect(page.headers['content-security-policy'])
        .to.include("default-src 'none'")
        .and.include("connect-src 'self'");
      expect(page.body).to.include('no &lt;clipping&gt;').and.not.include('<clipping>');
      expect((await get(address, { host: 'evil.example' })).status).to.equal(403);
      expect((await get(`${address}runs`)).status).to.equal(404);
      expect((await get(`${address}../../etc/passwd`)).status).to.equal(404);
      expect((await get(address, {}, 'POST')).status).to.equal(405);
      expect((await get(`${address}?run=clip.norm(2)`)).body).to.match(/verdict">clip\.norm\(2\): the loss went/);
      expect((await get(`${address}?run=nothing`)).body).to.include('No run has written a loss yet.');
    }));

  it('sends the content anew when a run has grown, and only then', () =>
    served(async (server, address) => {
      const messages: { content: string; choice: string }[] = [];
      let heard = () => {};
      const next = () => new Promise<void>((resolve) => (heard = resolve));
      let wait = next();
      const stream = request(`${address}events`, (response) => {
        let text = '';
        response.on('data', (part) => {
          text += part;
          for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
            messages.push(JSON.parse(text.slice('data: '.length, end)));
            text = text.slice(end + 2);
            heard();
          }
        });
        response.on('error', () => {});
      });
      stream.on('error', () => {}).end();
      await wait;
      server.look();
      expect(messages).to.have.length(1);
      grow(one, 61, 80, () => 0.125);
      wait = next();
      server.look();
      await wait;
      expect(messages).to.have.length(2);
      expect(messages[1]!.content).to.include('0.125').and.include('<td>80</td>');
      expect(messages[1]!.choice).to.equal(messages[0]!.choice);
      stream.destroy();
    }));

  it('is a command that says where, and refuses what it cannot do', async function () {
    this.timeout(60_000);
    const main = join(root, 'dist/cli/main.js');
    const child: ChildProcess = spawn(process.execPath, [main, 'watch', folder, '--port', '0'], { stdio: 'pipe' });
    try {
      const line = await new Promise<string>((resolve, reject) => {
        child.stdout!.once('data', (data) => resolve(String(data)));
        child.once('exit', () => reject(new Error('it ended')));
      });
      const [address] = line.match(/http:\S+/)!;
      expect((await get(address)).body).to.include('clip.norm(2)');
    } finally {
      child.kill('SIGINT');
    }
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).to.equal(130);
    const refused = (...args: string[]) =>
      spawnSync(process.execPath, [main, 'watch', ...args], { encoding: 'utf8' }).stderr;
    expect(refused(folder, '--port', 'x')).to.equal(
      'torch-clip: "--port" must be an integer from 0 to 65535, got x (ERR_ARGUMENT)\n',
    );
    expect(refused(join(folder, 'none'))).to.match(/cannot be read: there is no such file or folder \(ERR_FILE\)\n$/);
  });

  describe(`in Chromium${withoutChromium}`, function () {
    this.timeout(120_000);
    let browser: Browser;
    before(async function () {
      browser = await launchChromium(this);
    });
    after(() => browser?.close());

    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    /** What axe finds wrong with a page. */
    const faultsOf = async (page: Page): Promise<string[]> => {
      await page.evaluate(axe);
      const { violations } = (await page.evaluate('axe.run()')) as {
        violations: { id: string; nodes: { html: string }[] }[];
      };
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
    };

    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [400, 1100]) {
        it(`shows a report without faults: ${colorScheme}, ${width} pixels`, async () => {
          const path = join(folder, 'report.html');
          utils.report(folder, path, { title: 'A report', about: 'Two runs.' });
          const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
          const asked: string[] = [];
          page.on('request', (sent) => asked.push(sent.url()));
          await page.goto(`file://${path}`);
          for (const summary of await page.locator('summary').all()) await summary.click();
          expect(await faultsOf(page)).to.deep.equal([]);
          expect(asked.filter((url) => !/^(file|data):/.test(url))).to.deep.equal([]);
          // Nothing makes the page wider than the screen; one picture of each pair is shown, in letters of a readable size.
          expect(await page.evaluate('document.documentElement.scrollWidth')).to.equal(width);
          const sizes =
            (await page.evaluate(`[...document.querySelectorAll('svg')].filter((svg) => svg.getBoundingClientRect().width > 0)
            .map((svg) => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)`)) as number[];
          expect(sizes).to.have.length((await page.locator('svg').count()) / 2);
          expect(Math.min(...sizes)).to.be.above(11);
          const paper = await page.evaluate('getComputedStyle(document.body).backgroundColor');
          expect(paper).to.equal(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(20, 23, 28)');
          await page.close();
        });
      }
    }

    it('renews the live page, in which the reader stays where he was', () =>
      served(async (server, address) => {
        const page = await browser.newPage({ viewport: { width: 400, height: 800 } });
        await page.goto(address);
        await page.locator('#state', { hasText: 'Live' }).waitFor();
        expect(await faultsOf(page)).to.deep.equal([]);
        await page.locator('summary').first().click();
        await page.locator('summary').first().focus();
        grow(one, 61, 90, () => 0.0625);
        server.look();
        await page.locator('td', { hasText: '0.0625' }).first().waitFor();
        expect(await page.locator('details').first().getAttribute('open')).to.equal('');
        expect(await page.evaluate('document.activeElement.tagName')).to.equal('SUMMARY');
        await page.close();
      }));

    it('lets a run that begins later be chosen, and leaves what is chosen', () =>
      served(async (server, address) => {
        const page = await browser.newPage();
        await page.goto(address);
        await page.locator('#state', { hasText: 'Live' }).waitFor();
        await page.locator('input').first().uncheck();
        await page.locator('button').focus();
        const three = new utils.RunLog(join(folder, 'third'));
        grow(three, 1, 20, () => 0.5);
        three.close();
        server.look();
        await page.locator('label', { hasText: 'third' }).waitFor();
        const checked = await page
          .locator('input')
          .evaluateAll((boxes) => boxes.map((box) => (box as { checked?: boolean }).checked));
        expect(checked).to.deep.equal([false, true, true]);
        expect(await page.evaluate('document.activeElement.tagName')).to.equal('BUTTON');
        expect(await faultsOf(page)).to.deep.equal([]);
        await page.close();
      }));

    it('compares the runs that are chosen, by the keyboard alone', () =>
      served(async (_, address) => {
        const page = await browser.newPage();
        await page.goto(address);
        expect(await page.locator('tbody tr').first().innerText()).to.include('clip.norm(2)');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Space');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await page.waitForURL(/\?run=/);
        expect(await page.locator('.verdict').innerText()).to.match(/^no <clipping>: the loss went/);
        expect(await page.locator('input').first().isChecked()).to.equal(false);
        await page.close();
      }));
  });
});
