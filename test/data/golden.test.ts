import { expect } from 'chai';
import torch, { data, type Generator } from '../../lib/index.js';
import { golden } from '../nn/support.js';

interface Golden {
  loaders: {
    rows: number;
    options: { batchSize?: number; shuffle?: boolean; dropLast?: boolean };
    seed: number | null;
    taken: number;
    first: number[][];
    epochs: number[][][];
    length: number;
    next: number;
  }[];
  splits: { rows: number; lengths: number[]; seed: number | null; indices: number[][]; next: number }[];
  samplers: { name: string; order: number[]; next: number }[];
  distributed: { rows: number; dropLast: boolean; shuffle: boolean; epoch: number; orders: number[][] }[];
}

const cases = golden<Golden>('data');

/** As scripts/golden/data.py: the global generator at 5, and one of the case's own. */
function start(seed: number | null): Generator | undefined {
  torch.manualSeed(5);
  return seed === null ? undefined : new torch.Generator().manualSeed(seed);
}

/** The number that a generator gives next: equal only if the same numbers were drawn before. */
const next = (generator?: Generator) => torch.randint(2 ** 31, [1], { generator: generator ?? null }).item();

describe('DataLoader gives the batches of PyTorch and leaves its generator where PyTorch leaves it', () => {
  for (const c of cases.loaders) {
    const seed = c.seed === null ? 'global seed' : `seed ${c.seed}`;
    it(`${c.rows} rows, ${JSON.stringify(c.options)}, ${seed}, ${c.taken} batches taken first`, async () => {
      const make = () => {
        const generator = start(c.seed);
        const rows = new data.TensorDataset(torch.arange(c.rows));
        return { generator, loader: new data.DataLoader(rows, { ...c.options, generator }) };
      };
      const { generator, loader } = make();
      expect(loader.length).to.equal(c.length);
      const first: unknown[] = [];
      if (c.taken > 0) {
        for (const [x] of loader) if (first.push(x!.tolist()) === c.taken) break;
      }
      expect(first).to.deep.equal(c.first);
      for (const epoch of c.epochs) expect([...loader].map(([x]) => x!.tolist())).to.deep.equal(epoch);
      expect(next(generator)).to.equal(c.next);
      if (c.taken > 0) return;

      const again = make();
      for (const epoch of c.epochs) {
        const got: unknown[] = [];
        for await (const [x] of again.loader) got.push(x!.tolist());
        expect(got).to.deep.equal(epoch);
      }
      expect(next(again.generator)).to.equal(c.next);
    });
  }
});

describe('randomSplit gives the parts of PyTorch', () => {
  for (const c of cases.splits) {
    it(`${c.rows} rows as [${c.lengths}]`, () => {
      const generator = start(c.seed);
      const rows = { length: c.rows, get: (i: number) => i };
      const parts = data.randomSplit(rows, c.lengths, { generator });
      expect(parts.map((part) => part.indices)).to.deep.equal(c.indices);
      expect(next(generator)).to.equal(c.next);
    });
  }
});

describe('samplers give the orders of PyTorch', () => {
  const source = { length: 10 };
  const make: Record<string, (generator: Generator) => Iterable<number>> = {
    random: (generator) => new data.RandomSampler(source, { generator }),
    fewer: (generator) => new data.RandomSampler(source, { numSamples: 4, generator }),
    more: (generator) => new data.RandomSampler(source, { numSamples: 25, generator }),
    replacement: (generator) => new data.RandomSampler(source, { replacement: true, numSamples: 70, generator }),
    subset: (generator) => new data.SubsetRandomSampler([9, 4, 6, 2], { generator }),
    weighted: (generator) => new data.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 8, { generator }),
    weightedOnce: (generator) => new data.WeightedRandomSampler([1, 2, 3, 4], 3, { replacement: false, generator }),
  };
  for (const c of cases.samplers) {
    it(c.name, () => {
      const generator = start(21)!;
      expect([...make[c.name]!(generator)]).to.deep.equal(c.order);
      expect(next(generator)).to.equal(c.next);
    });
  }
});

describe('DistributedSampler gives the shares of PyTorch', () => {
  for (const { rows, dropLast, shuffle, epoch, orders } of cases.distributed) {
    it(`of ${rows} rows for ${orders.length}${shuffle ? `, shuffled in epoch ${epoch}` : ''}${dropLast ? ', dropLast' : ''}`, () => {
      for (const [rank, order] of orders.entries()) {
        const numReplicas = orders.length;
        const sampler = new data.DistributedSampler(
          { length: rows },
          { numReplicas, rank, shuffle, seed: 3, dropLast },
        );
        sampler.setEpoch(epoch);
        expect([...sampler]).to.deep.equal(order);
        expect(sampler.length).to.equal(order.length);
      }
    });
  }
});
