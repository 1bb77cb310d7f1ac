import { expect } from 'chai';
import fc from 'fast-check';
import torch, { data, type Tensor } from '../../lib/index.js';
import { refused } from '../nn/support.js';

const range = (length: number, from = 0): data.Dataset<number> => ({ length, get: (i) => from + i });

describe('ConcatDataset', () => {
  it('has the samples of all, one dataset after the other', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }), (lengths) => {
        let from = 0;
        const parts = lengths.map((length) => {
          from += length;
          return range(length, from - length);
        });
        const all = new data.ConcatDataset(parts);
        expect(all.length).to.equal(from);
        expect(Array.from({ length: from }, (_, i) => all.get(i))).to.deep.equal(
          Array.from({ length: from }, (_, i) => i),
        );
        refused(() => all.get(from), 'ERR_INDEX');
      }),
      { numRuns: 50 },
    );
    expect(new data.ConcatDataset([range(2), range(3)]).cumulativeSizes).to.deep.equal([2, 5]);
  });

  it('refuses what is no datasets', () => {
    for (const datasets of [[], null, [1], [range(1), { length: 1 }], range(2)]) {
      refused(() => new data.ConcatDataset(datasets as never), 'ERR_ARGUMENT', 'datasets');
    }
  });
});

describe('StackDataset', () => {
  it('has a sample of each, in an array or by name', () => {
    expect(new data.StackDataset([range(3), range(3, 10)]).get(1)).to.deep.equal([1, 11]);
    const named = new data.StackDataset({ a: range(3), b: range(3, 10) });
    expect(named.get(2)).to.deep.equal({ a: 2, b: 12 });
    const [batch] = new data.DataLoader(named, { batchSize: 3 });
    expect((batch as { b: Tensor }).b.tolist()).to.deep.equal([10, 11, 12]);
  });

  it('waits for samples that come later', async () => {
    const later: data.Dataset<number> = { length: 2, get: async (i) => i };
    expect(await new data.StackDataset([later, range(2, 5)]).get(1)).to.deep.equal([1, 6]);
  });

  it('refuses datasets of different lengths', () => {
    refused(() => new data.StackDataset([range(3), range(2)]), 'ERR_SHAPE', 'datasets[1]');
    refused(() => new data.StackDataset({ a: range(3), b: range(2) }), 'ERR_SHAPE', 'b');
    for (const datasets of [[], {}, null, [1], new Map()]) {
      refused(() => new data.StackDataset(datasets as never), 'ERR_ARGUMENT', 'datasets');
    }
  });
});

describe('iterable datasets', () => {
  class Count extends data.IterableDataset<number> {
    constructor(
      readonly from: number,
      readonly to: number,
    ) {
      super();
    }
    override *[Symbol.iterator]() {
      for (let i = this.from; i < this.to; i++) yield i;
    }
  }

  it('feed a loader, in batches or one by one', async () => {
    const loader = new data.DataLoader(new Count(0, 5), { batchSize: 2 });
    expect([...loader].map((t) => (t as Tensor).tolist())).to.deep.equal([[0, 1], [2, 3], [4]]);
    const got: unknown[] = [];
    for await (const t of new data.DataLoader(new Count(0, 5), { batchSize: 2, dropLast: true }))
      got.push((t as Tensor).tolist());
    expect(got).to.deep.equal([
      [0, 1],
      [2, 3],
    ]);
    expect(
      [...new data.DataLoader(new Set([7, 8]), { batchSize: null })].map((t) => (t as unknown as Tensor).item()),
    ).to.deep.equal([7, 8]);
    refused(() => loader.length, 'ERR_STATE');
    refused(() => loader.sampler, 'ERR_STATE');
  });

  it('follow one another in a ChainDataset', async () => {
    async function* later() {
      yield 10;
    }
    const chain = new data.ChainDataset<number>([new Count(0, 2), later(), new Set([5])]);
    const got: number[] = [];
    for await (const t of new data.DataLoader(chain, { batchSize: null })) got.push((t as unknown as Tensor).item());
    expect(got).to.deep.equal([0, 1, 10, 5]);
    refused(() => [...new data.DataLoader(chain)], 'ERR_STATE', 'for await');
    for (const wrong of [null, 5, [1], [range(2)]])
      refused(() => new data.ChainDataset(wrong as never), 'ERR_ARGUMENT', 'datasets');
  });

  it('go on where they were', async () => {
    const loader = new data.DataLoader(new Count(0, 9), { batchSize: 2 });
    const seen: unknown[] = [];
    for await (const t of loader) if (seen.push((t as Tensor).tolist()) === 2) break;
    const again = new data.DataLoader(new Count(0, 9), { batchSize: 2 });
    again.loadStateDict(loader.stateDict());
    for await (const t of again) seen.push((t as Tensor).tolist());
    expect(seen).to.deep.equal([[0, 1], [2, 3], [4, 5], [6, 7], [8]]);
  });
});

describe('an array', () => {
  it('is a dataset of its elements', () => {
    const loader = new data.DataLoader([5, 6, 7], { batchSize: 2, shuffle: true });
    expect([...loader].flatMap((t) => t.tolist() as number[]).sort()).to.deep.equal([5, 6, 7]);
    expect(loader.length).to.equal(2);
  });
});

describe('BatchSampler', () => {
  it('cuts another sampler’s indices, and orders a loader', () => {
    const sampler = new data.BatchSampler(new data.SequentialSampler(range(5)), 2, false);
    expect([...sampler]).to.deep.equal([[0, 1], [2, 3], [4]]);
    expect(sampler.length).to.equal(3);
    expect(new data.BatchSampler(new data.SequentialSampler(range(5)), 2, true).length).to.equal(2);
    const loader = new data.DataLoader(range(5, 10), { batchSampler: [[4, 0], [2]] });
    expect([...loader].map((t) => t.tolist())).to.deep.equal([[14, 10], [12]]);
    expect(loader.length).to.equal(2);
    for (const wrong of [[[]], [[0.5]], [1], [['a']]]) {
      refused(
        () => [...new data.DataLoader(range(5), { batchSampler: wrong as never })],
        'ERR_ARGUMENT',
        'batchSampler',
      );
    }
    refused(() => new data.BatchSampler(5 as never, 1, false), 'ERR_ARGUMENT', 'sampler');
    refused(() => new data.BatchSampler([] as never, 0, false), 'ERR_ARGUMENT', 'batchSize');
    refused(() => new data.BatchSampler([] as never, 1, 1 as never), 'ERR_ARGUMENT', 'dropLast');
  });

  it('leaves the samples as they are without batches', () => {
    const [sample] = new data.DataLoader(
      { length: 1, get: () => ({ t: torch.ones([2]), n: 1, s: 'x' }) },
      { batchSize: null },
    );
    expect((sample as unknown as { t: Tensor }).t.shape).to.deep.equal([2]);
    expect((sample as unknown as { s: string }).s).to.equal('x');
  });

  it('refuses processes that there are not', () => {
    refused(() => new data.DistributedSampler(range(3), { numReplicas: 2, rank: 2 }), 'ERR_ARGUMENT', 'rank');
    for (const options of [undefined, {}, { numReplicas: 2 }, { rank: 0 }])
      refused(() => new data.DistributedSampler(range(3), options), 'ERR_STATE', 'there is no process group');
    refused(
      () => new data.DistributedSampler(range(3), { numReplicas: 1, rank: 0 }).setEpoch(-1),
      'ERR_ARGUMENT',
      'epoch',
    );
  });
});
