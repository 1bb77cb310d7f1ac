// The traffic of a step for up to 4,096 ranks, counted, against the formulas of the algorithms.
import { expect } from 'chai';
import { measureCosts } from './cost/build.js';

describe('the traffic of a step', function () {
  this.timeout(1_200_000);

  it('is that of the formulas, from 8 to 4,096 ranks', () => {
    for (const { ranks: n, ddp, sharded, fully, parameters, chunks, tensors } of measureCosts(
      4e6,
      [8, 64, 512, 4096],
    )) {
      const near = (got: number, want: number, what: string) =>
        expect(got / want, `${what}, ${n} ranks`).closeTo(1, 0.02);
      const bytes = 4 * parameters;
      // Around a ring every rank sends each byte once to be added and once to be told, less its own part.
      near(ddp.allReduce![2], (2 * (n - 1) * bytes) / n, 'gradients');
      // Two questions: four numbers, then five, one per tensor, and two of the one block.
      near(sharded.allReduce![2], (2 * (n - 1) * 4 * (4 + tensors + 2 + 5)) / n, 'the questions');
      // Parts are at most a chunk longer than the mean, in each of the blocks that are sent one after the other.
      const longest = (got: number, want: number, what: string) => {
        expect(got, what).least(want * 0.98);
        expect(got, what).most(want + (n - 1) * 65536 * 1.02);
      };
      longest(sharded.send![2], (2 * (n - 1) * bytes) / n, `gradients and parameters of ${n} ranks`);
      longest(sharded.allGather![2], ((n - 1) * 16 * chunks) / n, `partial sums of ${n} ranks`);
      // Every layer is shared out for itself, and fetched twice.
      const layers = tensors / 2;
      const inPieces = (got: number, want: number, pieces: number, what: string) => {
        expect(got, what).least(want * 0.98);
        expect(got, what).most(want + pieces * (n - 1) * 65536 * 1.02);
      };
      const parts = (3 * (n - 1) * bytes) / n;
      inPieces(fully.send![2], parts, 2 * layers, `layers and their gradients of ${n} ranks`);
      longest(fully.allGather![2], ((n - 1) * 16 * chunks) / n, `partial sums under layers of ${n} ranks`);
    }
  });
});
