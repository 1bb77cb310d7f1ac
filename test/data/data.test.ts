import { expect } from 'chai';
import fc from 'fast-check';
import torch, { data, type Tensor } from '../../lib/index.js';
import { refused } from '../nn/support.js';

const numbers: data.Dataset<number> = { length: 5, get: (i) => i * i };
const later: data.Dataset<number> = { length: 5, get: async (i) => i * i };

describe('TensorDataset', () => {
  const x = torch.arange(12).reshape([6, 2]);
  const y = torch.arange(6);

  it('has the rows of its tensors', () => {
    const rows = new data.TensorDataset(x, y);
    expect(rows.length).to.equal(6);
    expect(rows.get(4).map((t) => t.tolist())).to.deep.equal([[8, 9], 4]);
  });

  it('gathers a batch from each tensor, in the order asked for', () => {
    const [a, b] = new data.TensorDataset(x, y).getBatch([5, 0, 5]);
    expect(a.tolist()).to.deep.equal([
      [10, 11],
      [0, 1],
      [10, 11],
    ]);
    expect(b.tolist()).to.deep.equal([5, 0, 5]);
  });

  it('refuses tensors of different lengths, no tensors, and indices outside', () => {
    refused(() => new data.TensorDataset(x, torch.zeros([5])), 'ERR_SHAPE', 'tensors');
    refused(() => new data.TensorDataset(torch.zeros([])), 'ERR_SHAPE', 'tensors');
    refused(() => new data.TensorDataset(), 'ERR_ARGUMENT', 'tensors');
    refused(() => new data.TensorDataset([1] as unknown as Tensor), 'ERR_ARGUMENT', 'tensors');
    const rows = new data.TensorDataset(y);
    for (const index of [-1, 6, 0.5, Number.NaN]) {
      refused(() => rows.get(index), 'ERR_INDEX', 'index');
      refused(() => rows.getBatch([0, index]), 'ERR_INDEX', 'index');
    }
  });
});

describe('Subset', () => {
  it('renames indices, in batches too', () => {
    const rows = new data.Subset(new data.TensorDataset(torch.arange(10)), [7, 3, 5]);
    expect(rows.length).to.equal(3);
    const [batch] = new data.DataLoader(rows, { batchSize: 3 });
    expect(batch![0]!.tolist()).to.deep.equal([7, 3, 5]);
    expect(new data.Subset(rows, [2]).get(0)).to.have.length(1);
    refused(() => rows.get(3), 'ERR_INDEX');
    refused(() => new data.Subset(rows, [3]), 'ERR_INDEX');
  });
});

describe('DataLoader', () => {
  it('puts numbers, strings, arrays, objects and tensors together', () => {
    const samples = [0, 1].map((i) => ({ n: i, s: `s${i}`, pair: [torch.full([2], i), i > 0] as [Tensor, boolean] }));
    const [batch] = new data.DataLoader({ length: 2, get: (i: number) => samples[i]! }, { batchSize: 2 });
    expect(batch!.n.tolist()).to.deep.equal([0, 1]);
    expect(batch!.s).to.deep.equal(['s0', 's1']);
    expect(batch!.pair[0].tolist()).to.deep.equal([
      [0, 0],
      [1, 1],
    ]);
    expect(batch!.pair[1].dtype).to.equal(torch.bool);
  });

  it('takes a collate of the user, whose result it gives', () => {
    const loader = new data.DataLoader(numbers, { batchSize: 2, collate: (samples) => samples.join('+') });
    expect([...loader]).to.deep.equal(['0+1', '4+9', '16']);
  });

  it('takes a sampler of the user', () => {
    const sampler = { length: 3, [Symbol.iterator]: () => [4, 4, 0][Symbol.iterator]() };
    const loader = new data.DataLoader(numbers, { batchSize: 2, sampler });
    expect(loader.length).to.equal(2);
    expect([...loader].map((t) => t.tolist())).to.deep.equal([[16, 16], [0]]);
  });

  it('waits for promises in "for await", and says so in "for"', async () => {
    const got: unknown[] = [];
    for await (const t of new data.DataLoader(later, { batchSize: 2 })) got.push(t.tolist());
    expect(got).to.deep.equal([[0, 1], [4, 9], [16]]);
    const [subset] = data.randomSplit(later, [5]);
    for await (const t of new data.DataLoader(subset!, { batchSize: 5 })) expect(t.numel()).to.equal(5);
    refused(() => [...new data.DataLoader(later)], 'ERR_STATE', 'for await');
  });

  it('passes on what a dataset throws', async () => {
    const broken: data.Dataset<number> = { length: 1, get: () => Promise.reject(new Error('no such row')) };
    const error = await new data.DataLoader(broken)
      [Symbol.asyncIterator]()
      .next()
      .catch((e: Error) => e);
    expect((error as Error).message).to.equal('no such row');
  });

  it('goes over every row once per epoch, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 45 }),
        fc.boolean(),
        (n, batchSize, dropLast) => {
          const rows = new data.TensorDataset(torch.arange(n));
          const loader = new data.DataLoader(rows, { batchSize, dropLast, shuffle: true });
          const batches = [...loader].map(([x]) => x!.tolist() as number[]);
          const all = batches.flat().sort((a, b) => a - b);
          expect(batches.length).to.equal(loader.length);
          expect(all.length).to.equal(dropLast ? n - (n % batchSize) : n);
          expect(new Set(all).size).to.equal(all.length);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is empty where the dataset is', () => {
    expect([...new data.DataLoader(new data.TensorDataset(torch.zeros([0, 2])), { batchSize: 4 })]).to.deep.equal([]);
  });

  it('refuses what it cannot use', () => {
    const rows = new data.TensorDataset(torch.arange(3));
    for (const batchSize of [0, -1, 1.5, Number.NaN, '2' as unknown as number]) {
      refused(() => new data.DataLoader(rows, { batchSize }), 'ERR_ARGUMENT', 'batchSize');
    }
    refused(() => new data.DataLoader(null as unknown as data.Dataset<number>), 'ERR_ARGUMENT', 'dataset');
    refused(() => new data.DataLoader(rows, { batch_size: 2 } as object), 'ERR_ARGUMENT', 'batch_size');
    const sampler = new data.SequentialSampler(rows);
    refused(() => new data.DataLoader(rows, { shuffle: true, sampler }), 'ERR_ARGUMENT', 'shuffle');
    refused(() => new data.DataLoader(rows, { sampler: 1 as unknown as data.Sampler }), 'ERR_ARGUMENT', 'sampler');
    refused(() => new data.RandomSampler({ length: 0 }), 'ERR_ARGUMENT', 'numSamples');
    const ragged = [[1, 2], [3]];
    refused(() => data.collate(ragged), 'ERR_SHAPE', 'samples');
    refused(() => data.collate([torch.zeros([1]), 2] as Tensor[]), 'ERR_ARGUMENT', 'samples');
    refused(() => data.collate([1, 'a'] as number[]), 'ERR_ARGUMENT');
  });
});

describe('randomSplit', () => {
  it('refuses lengths that do not add up', () => {
    for (const lengths of [[1, 1], [2, 4], [-1, 6], [0.5, 0.6], [2.5, 2.5], [], ['5'] as unknown as number[]]) {
      refused(() => data.randomSplit(numbers, lengths), 'ERR_ARGUMENT', 'lengths');
    }
  });
});
