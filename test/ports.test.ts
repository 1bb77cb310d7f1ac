import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { golden } from './support.js';

/** Batch norms over eight values amplify rounding from step to step. */
const tolerance: Readonly<Record<string, number>> = { resnet18: 1e-4 };

const expected = golden<Record<string, number[]>>('ports');

describe('examples/ports', () => {
  let losses: Record<string, number[]>;
  before(() => {
    const script = fileURLToPath(new URL('fixtures/ports.ts', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script], { encoding: 'utf8' });
    expect(stdout, stderr).not.to.equal('');
    losses = JSON.parse(stdout) as Record<string, number[]>;
  });

  it('has a twin in Python of each', () => {
    expect(Object.keys(losses).sort()).to.deep.equal(Object.keys(expected).sort());
  });

  for (const [name, want] of Object.entries(expected)) {
    it(`${name}: the losses of the first 20 steps are those of its twin`, () => {
      const got = losses[name]!;
      expect(got).to.have.length(want.length);
      for (const [i, loss] of got.entries()) {
        const limit = (tolerance[name] ?? 1e-9) * Math.max(1, Math.abs(want[i]!));
        expect(Math.abs(loss - want[i]!), `step ${i}: ${loss} instead of ${want[i]}`).below(limit);
      }
    });
  }
});
