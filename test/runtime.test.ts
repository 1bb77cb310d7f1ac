import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import torch, { optim } from '../lib/index.js';

describe('setFlushDenormal', () => {
  const count = 1 << 20;
  const denormals = () => torch.full([count], 1e-39);

  /** How many elements are left after an operator, and after a step of an optimizer, both over all threads. */
  function left(): [number, number] {
    const p = torch.zeros([count], { requiresGrad: true });
    p.grad = denormals();
    new optim.SGD([p], { lr: 1 }).step();
    return [denormals().mul(1), p.detach()].map((t) => t.ne(0).sum().item<number>()) as [number, number];
  }

  it('flushes on every thread, and does no longer when it is off', function () {
    const threads = torch.getNumThreads();
    torch.setNumThreads(2);
    try {
      expect(left()).deep.equal([count, count]);
      if (!torch.setFlushDenormal(true)) return this.skip();
      expect(left()).deep.equal([0, 0]);
      torch.setFlushDenormal(false);
      expect(left()).deep.equal([count, count]);
    } finally {
      torch.setFlushDenormal(false);
      torch.setNumThreads(threads);
    }
  });

  it('takes a boolean', () => {
    expect(() => torch.setFlushDenormal(1 as never)).throw(/"mode" must be true or false, got 1/);
  });
});

describe('collectGarbage', () => {
  const entry = fileURLToPath(new URL('../dist/index.cjs', import.meta.url));

  for (const [flags, want] of [
    [['--expose-gc'], 'function'],
    [[], 'undefined'],
  ] as const) {
    it(`leaves contexts that are made later as they would be ${flags.length > 0 ? 'with' : 'without'} --expose-gc`, () => {
      const script = `
        const torch = require(${JSON.stringify(entry)});
        const { runInNewContext } = require('node:vm');
        torch.collectGarbage();
        torch.collectGarbage();
        console.log(runInNewContext('typeof gc'), typeof gc);`;
      const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' });
      expect(stderr).equal('');
      expect(stdout).equal(`${want} ${want}\n`);
    });
  }
});
