import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const lib = new URL('../../lib/index.ts', import.meta.url).href;
const root = fileURLToPath(new URL('../..', import.meta.url));

describe('an exception that native code throws', () => {
  it('survives the collections that throwing it starts', () => {
    const program = `
      const { default: torch } = await import(${JSON.stringify(lib)});
      const [x, y, w] = [torch.zeros([2]), torch.zeros([3]), torch.ones([1], { requiresGrad: true })];
      let caught = 0;
      for (let i = 0; i < 10_000; i++) {
        const z = w.mul(2);
        z.registerHook(() => { for (let k = 0; k < 5; k++) torch.zeros([1]); x.add(y); });
        try { z.backward(); } catch { caught++; }
      }
      console.log(caught);`;
    const flags = ['--max-semi-space-size=1', '--import', 'tsx', '--input-type=module', '-e', program];
    const { stdout, stderr, status } = spawnSync(process.execPath, flags, { cwd: root, encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect([status, stdout.trim()]).to.deep.equal([0, '10000']);
  });
});
