// The job of docs/distributed.md, as someone who follows the page starts it: with the package as it is built.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { io, nn } from '../../lib/index.js';
import { root, textOf } from './pages.js';

describe('the job of docs/distributed.md', function () {
  this.timeout(120_000);
  let folder: string;
  const program = /^```js\n\/\/ train\.js, started by: npx torch-clip (run .*) train\.js\n([\s\S]*?)^```$/m.exec(
    textOf('docs/distributed.md'),
  )!;

  before(() => {
    mkdirSync(join(root, 'build'), { recursive: true });
    folder = mkdtempSync(join(root, 'build/distributed-job-'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules/torch-clip'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('loses a rank, and goes on with the last checkpoint', () => {
    const [, command, text] = program;
    const place = '  await distributed.allReduce(mean';
    expect(text).include(place);
    const failing =
      "if (epoch === 2 && process.env.TORCHELASTIC_RESTART_COUNT === '0' && process.env.RANK === '1') process.exit(9);";
    writeFileSync(join(folder, 'train.js'), text!.replace(place, `${failing}\n${place}`));
    const main = join(root, 'dist/cli/main.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...command!.split(' '), 'train.js'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(status, stderr).equal(0);
    expect(stderr).match(/rank 1 \(process \d+\) ended with exit code 9; starting all ranks again \(1 of 3\)/);
    // Each epoch once, and each better than the one before.
    const lines = [...stdout.matchAll(/^\[rank 0\] epoch (\d): ([\d.]+)$/gm)];
    expect(
      lines.map(([, epoch]) => epoch),
      stdout,
    ).deep.equal(['1', '2', '3', '4']);
    const losses = lines.map(([, , loss]) => Number(loss));
    expect(losses).deep.equal([...losses].sort((a, b) => b - a));
    const saved = io.loadCheckpoint<{ model: nn.StateDict; epoch: number }>(io.latest(join(folder, 'runs/job'))!);
    expect(saved.epoch).equal(4);
    new nn.Sequential(new nn.Linear(4, 16), new nn.Tanh(), new nn.Linear(16, 1)).loadStateDict(saved.model);
  });
});
