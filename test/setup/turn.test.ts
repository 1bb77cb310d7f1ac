import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';

const module = new URL('../../scripts/lib/turn.mjs', import.meta.url).href;
const body = `import { takeTurn } from '${module}';
await takeTurn(process.argv[1]);
console.log('mine');
process.stdin.resume();`;

/** A process that takes its turn, prints so, and keeps it until its input ends. */
const start = (root: string) => spawn(process.execPath, ['--input-type=module', '-e', body, root]);
const says = async (child: ChildProcess, stream: 'stdout' | 'stderr') =>
  String((await once(child[stream]!, 'data'))[0]).trim();

describe('two set-ups of one clone', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-turn-'));
    for (const name of ['one', 'two']) mkdirSync(join(folder, name));
    symlinkSync('one', join(folder, 'link'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [how, end] of [
    ['ends', (child: ChildProcess) => child.stdin!.end()],
    ['is killed', (child: ChildProcess) => child.kill('SIGKILL')],
  ] as const) {
    it(`take turns: the second begins when the first ${how}`, async function () {
      this.timeout(30_000);
      const first = start(join(folder, 'one'));
      expect(await says(first, 'stdout')).to.equal('mine');
      const second = start(join(folder, 'link'));
      const output = text(second.stdout);
      expect(await says(second, 'stderr')).to.equal('waiting for another set-up of this clone ...');
      second.stdin.end();
      end(first);
      expect(await output).to.equal('mine\n');
    });
  }

  it('leave another clone alone', async function () {
    this.timeout(30_000);
    const children = ['one', 'two'].map((name) => start(join(folder, name)));
    const said = children.map((child) => says(child, 'stdout'));
    expect(await Promise.all(said)).to.deep.equal(['mine', 'mine']);
    for (const child of children) child.stdin.end();
  });
});
