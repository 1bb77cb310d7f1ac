import { expect } from 'chai';
import torch from 'torch-clip';
import { ports } from '../examples/ports/index.js';
import { golden } from './support.js';

/** Batch norms over eight values amplify rounding from step to step. */
const tolerance: Readonly<Record<string, number>> = { resnet18: 1e-4 };

const expected = golden<Record<string, number[]>>('ports');

describe('examples/ports', () => {
  const threads = torch.getNumThreads();

  before(() => {
    torch.setDefaultDtype(torch.float64);
    // Small tensors: several threads would mostly wait for each other.
    torch.setNumThreads(1);
  });
  after(() => {
    torch.setDefaultDtype(torch.float32);
    torch.setNumThreads(threads);
  });

  it('has a twin in Python of each', () => {
    expect(Object.keys(ports).sort()).to.deep.equal(Object.keys(expected).sort());
  });

  for (const [name, want] of Object.entries(expected)) {
    it(`${name}: the losses of the first 20 steps are those of its twin`, () => {
      const got = ports[name]!(20);
      expect(got).to.have.length(want.length);
      for (const [i, loss] of got.entries()) {
        const limit = (tolerance[name] ?? 1e-9) * Math.max(1, Math.abs(want[i]!));
        expect(Math.abs(loss - want[i]!), `step ${i}: ${loss} instead of ${want[i]}`).below(limit);
      }
    });
  }
});
