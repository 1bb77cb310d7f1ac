// `torch-clip run` on several machines, which are processes on this one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Ended, started } from '../../cli/run.js';

describe('torch-clip run', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'torch-clip-run-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const script = (name: string, text: string): string => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, `const e = process.env;\n${text}`);
    return path;
  };
  const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
  const run = (...args: string[]) => started([main, 'run', ...args], process.env);
  const lines = ({ stdout }: Ended) => stdout.trimEnd().split('\n').sort();
  const wait = 'setInterval(() => {}, 1000);';

  it('is one job on several machines', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const nodes = (text: string, ...options: string[]) => {
      const file = script('nodes', text);
      const common = ['--nproc-per-node', '2', '--nnodes', '2', '--rdzv-endpoint', `127.0.0.1:${port}`, ...options];
      return Promise.all([run(...common, file).ended, run(...common, file).ended]);
    };
    const well = await nodes('console.log(e.RANK, e.LOCAL_RANK, e.GROUP_RANK, e.WORLD_SIZE);', '--no-prefix');
    expect(
      well.map(({ status }) => status),
      well.map(({ stderr }) => stderr).join(),
    ).deep.equal([0, 0]);
    expect(well.flatMap(lines).sort()).deep.equal(['0 0 0 4', '1 1 0 4', '2 0 1 4', '3 1 1 4']);
    // A failure on one of them ends both, and all start again.
    const failed = await nodes(`if (e.RANK === '3') process.exit(9); ${wait}`, '--max-restarts', '1');
    for (const { status, stderr } of failed) {
      expect(status, stderr).equal(9);
      expect(stderr).match(
        /rank 3 .* exit code 9; starting all ranks again \(1 of 1\)\n(.*\n)*.*rank 3 .* exit code 9; all ranks are ended/,
      );
    }
  });
});
