// Ranks that PyTorch's own launcher starts, and ranks that are worker threads.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { start } from '../../distributed/processes.js';
import { localBuild } from '../../setup/fixture.js';

const folder = fileURLToPath(new URL('programs/', import.meta.url));
const loader = fileURLToPath(new URL('../../../node_modules/tsx/dist/loader.mjs', import.meta.url));
const env = {
  PYTHONPATH: dirname(localBuild().libtorch.root),
  GLOO_SOCKET_IFNAME: 'lo',
  // A launcher of this test is not a rank itself.
  RANK: undefined,
  WORLD_SIZE: undefined,
};
const hasPython =
  spawnSync('python3', ['-c', 'import torch.distributed'], { env: { ...process.env, ...env } }).status === 0;

describe('a rank may be', function () {
  this.timeout(180_000);

  it('a process that torchrun starts', async function () {
    if (!hasPython) this.skip();
    const run = ['-m', 'torch.distributed.run', '--no-python', '--standalone', '--nproc-per-node', '2'];
    const script = [process.execPath, '--import', loader, join(folder, 'launched.ts')];
    const { code, stdout, stderr } = await start(['python3', ...run, ...script], env, false).ended;
    expect(code, stderr).equal(0);
    expect(stdout.trim().split('\n').sort()).deep.equal(['rank 0 of 2, local 0: 3', 'rank 1 of 2, local 1: 3']);
  });

  it('a worker thread, beside the main thread, which outlives it', async () => {
    const script = [process.execPath, join(folder, 'worker.mjs')];
    const { code, stdout, stderr } = await start(script, env, false).ended;
    expect(code, stderr).equal(0);
    expect(stdout.trim().split('\n').sort()).deep.equal(['main has 3', 'main is done', 'worker has 3']);
  });
});
