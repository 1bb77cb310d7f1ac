// Collectives in autograd's graph, over three ranks and in one process.
import { expect } from 'chai';
import torch from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { sentByAll } from './processes.js';

describe('functional collectives', function () {
  this.timeout(120_000);

  it('have the values and both derivatives of the same computation in one process', async () => {
    const sent = (await sentByAll(3, 'functional')) as [Record<string, number>][];
    for (const [rank, [answers]] of sent.entries()) {
      expect(Object.keys(answers)).length(rank === 0 ? 11 : 12);
      for (const [name, apart] of Object.entries(answers)) expect(apart, `${name}, rank ${rank}`).below(1e-10);
    }
  });

  it('refuse what they cannot do', async () => {
    const { distributed: d } = torch;
    const f = d.functional;
    const x = torch.ones([3, 2]);
    expect(refusalOf(() => f.allReduce(x)).code).equal('ERR_STATE');
    await d.initProcessGroup({ store: new d.HashStore(), rank: 0, worldSize: 1, timeout: 20 });
    try {
      const trained = x.clone().requiresGrad_();
      const rows: [() => unknown, string][] = [
        [() => f.allReduce(1 as never), '"input" must be a Tensor, got 1'],
        [
          () => f.allReduce(x, { group: null }),
          '"group" must be a ProcessGroup that this process belongs to, got null',
        ],
        [
          () => f.allReduce(trained, { op: 'max' }),
          '"op" must be "sum" or "avg" for an input that requires gradients, got "max"',
        ],
        [
          () => f.reduceScatterSingle(trained, { op: 'product' }),
          '"op" must be "sum" or "avg" for an input that requires gradients, got "product"',
        ],
        [
          () => f.allReduce(x.to(torch.int16)),
          '"input" must have a dtype that c10d reduces, got int16; int32 is the nearest for small integers',
        ],
        [() => f.broadcast(x, { src: 1 }), '"src" must be a rank of the group, got 1'],
        [() => f.allGatherSingle(torch.tensor(1)), '"input" must have 1 dimension or more, got []'],
        [() => f.allGatherSingle(x, { gatherDim: 2 }), '"gatherDim" must be an integer from -2 to 1, got 2'],
        [
          () => f.allToAllSingle(x, { inputSplitSizes: [3] }),
          '"outputSplitSizes" and "inputSplitSizes" must be given together, or neither',
        ],
        [
          () => f.allToAllSingle(x, { inputSplitSizes: [2], outputSplitSizes: [2] }),
          '"inputSplitSizes" must be 1 integers that add up to the 3 rows of "input", got [2]',
        ],
        [() => f.permuteTensor(x, [1]), '"srcDst" must be an array that has each rank of the group once, got [1]'],
        [() => f.permuteTensor(x, [0, 1]), '"srcDst" must have 1 ranks, got [0, 1]'],
      ];
      for (const [call, message] of rows) expect(refusalOf(call).message).equal(message);
      expect(f.allReduce(x, { op: 'max' }).tolist()).deep.equal(x.tolist());
      expect(torch.noGrad(() => f.allReduce(trained, { op: 'max' })).requiresGrad).equal(false);
    } finally {
      await d.destroyProcessGroup();
    }
  });
});
