// PowerSGD over two ranks, beside PyTorch's hook.
import { expect } from 'chai';
import torch, { nn } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { sentByAll } from './processes.js';

describe('powerSGDHook', function () {
  this.timeout(120_000);

  it('takes the steps of PyTorch, and with full rank those of whole gradients', async () => {
    for (const sent of await sentByAll(2, 'power-sgd')) {
      const cases = sent.slice(0, -1) as {
        name: string;
        apart: number;
        iter: number;
        stats: number[];
        want: number[];
      }[];
      expect(cases).length(5);
      for (const { name, apart, iter, stats, want } of cases) {
        expect(apart, name).below(1e-12);
        expect(iter, name).equal(6);
        expect(stats, name).deep.equal(want);
      }
      const { exact, buckets, compressed } = sent.at(-1) as { exact: number; buckets: number; compressed: boolean };
      expect(exact).below(1e-12);
      expect(buckets).above(1);
      expect(compressed).equal(true);
    }
  });

  it('refuses options that cannot work', async () => {
    const { distributed: d } = torch;
    const { PowerSGDState, powerSGDHook } = nn.parallel;
    await d.initProcessGroup({ store: new d.HashStore(), rank: 0, worldSize: 1, timeout: 20 });
    try {
      const rows: [() => unknown, string][] = [
        [
          () => new PowerSGDState({ matrixApproximationRank: 0 }),
          '"matrixApproximationRank" must be an integer >= 1, got 0',
        ],
        [
          () => new PowerSGDState({ startPowerSGDIter: 1, warmStart: false }),
          '"startPowerSGDIter" must be at least 2 with useErrorFeedback or warmStart, as buckets change after the first step, got 1',
        ],
        [
          () => new PowerSGDState({ processGroup: null as never }),
          '"processGroup" must be a ProcessGroup that this process belongs to, got null',
        ],
        [
          () => {
            const model = new nn.parallel.DistributedDataParallel(new nn.Embedding(4, 2, { sparse: true }));
            const state = new PowerSGDState();
            model.registerCommHook((bucket) => powerSGDHook(state, bucket));
            model
              .forward(torch.zeros([1], { dtype: torch.int64 }))
              .sum()
              .backward();
          },
          'powerSGDHook() cannot compress sparse gradients, such as those of an Embedding',
        ],
        [() => powerSGDHook({} as never, {} as never), '"state" must be a PowerSGDState, got an object'],
      ];
      for (const [make, message] of rows) expect(refusalOf(make).message).equal(message);
      const free = new PowerSGDState({ startPowerSGDIter: 0, warmStart: false, useErrorFeedback: false });
      expect(free.compressionStats()).deep.equal([0, 0, 0]);
    } finally {
      await d.destroyProcessGroup();
    }
  });
});
