// The programs of docs/training-run.md, as someone who follows the page runs them: with the package as it is built.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { io, type nn, utils } from '../../lib/index.js';
import { root, textOf } from './pages.js';

describe('docs/training-run.md', function () {
  this.timeout(600_000);
  let folder: string;
  const files = new Map(
    [...textOf('docs/training-run.md').matchAll(/^```js\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(
      ([, name, text]) => [name!, text!] as const,
    ),
  );
  /** Runs train.js somewhere, changed where that is said. */
  const train = (where: string, change: (text: string) => string = (text) => text) => {
    const place = join(folder, where);
    mkdirSync(place, { recursive: true });
    for (const [name, text] of files) writeFileSync(join(place, name), name === 'train.js' ? change(text) : text);
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['train.js'], {
      cwd: place,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    return { end: status ?? signal, stdout, stderr };
  };
  const shorter = (text: string) => text.replace('const epochs = 20', 'const epochs = 3');
  const resultOf = (where: string) => {
    const place = join(folder, where, 'runs/spirals');
    const { model, step } = io.loadCheckpoint<{ model: nn.StateDict; step: number }>(io.latest(place)!);
    const { steps, values } = utils.tensorboard.readScalars(place).loss!;
    return { step, steps, values, weights: Object.values(model).map((t) => t.tolist()) };
  };

  before(() => {
    mkdirSync(join(root, 'build'), { recursive: true });
    folder = mkdtempSync(join(root, 'build/training-run-'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules/torch-clip'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('trains, is interrupted, and goes on as if it had not been', () => {
    expect([...files.keys()]).to.deep.equal(['spirals.js', 'train.js', 'use.js']);
    const whole = train('whole', shorter);
    expect(whole.end, whole.stderr).to.equal(0);
    expect(whole.stdout).to.equal('trained\n');
    // A slow machine has other lines in between.
    expect(whole.stderr.match(/^epoch \d {2}19\/19 {2}loss /gm)).to.have.length(3);
    const expected = resultOf('whole');
    expect(expected.step).to.equal(57);
    expect(expected.steps).to.deep.equal(Array.from({ length: 57 }, (_, i) => i + 1));

    const at = (signal: string, step: number) => (text: string) =>
      shorter(text).replace(
        '    bar.set',
        `    if (step === ${step}) process.kill(process.pid, '${signal}');\n    bar.set`,
      );
    const stopped = train('stopped', at('SIGTERM', 30));
    // The signal has its turn between two batches.
    expect(stopped.stdout, stopped.stderr).to.match(/^stopped after step 3[0-3]\n$/);
    expect(stopped.end).to.equal(0);
    expect(train('stopped', at('SIGKILL', 53)).end).to.equal('SIGKILL');
    const again = train('stopped', shorter);
    expect([again.end, again.stdout], again.stderr).to.deep.equal([0, 'going on after step 50\ntrained\n']);
    expect(again.stderr).to.match(/^epoch 3 {2}19\/19 /m);
    expect(resultOf('stopped')).to.deep.equal(expected);

    const used = spawnSync(process.execPath, ['use.js'], { cwd: join(folder, 'stopped'), encoding: 'utf8' });
    expect(used.stdout, used.stderr).to.match(/^[012]\n$/);
    expect(existsSync(join(folder, 'stopped/spirals.safetensors'))).to.equal(true);
    expect(readFileSync(join(folder, 'stopped/report.html'), 'utf8')).to.include('Three spirals');
  });
});
