import { expect } from 'chai';
import torch, { data, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

describe('Prefetcher', () => {
  const values = (batches: Iterable<unknown>) =>
    [...batches].map((batch) => (batch as Tensor[]).map((t) => t.tolist()));

  it('gives the batches of its loader in their order, to the CPU too', async () => {
    const loader = new data.DataLoader(new data.TensorDataset(torch.arange(10), torch.ones([10])), { batchSize: 3 });
    for (const prefetchFactor of [1, 2, 9]) {
      const prefetcher = new data.Prefetcher(loader, { device: 'cpu', prefetchFactor });
      expect(prefetcher.length).equal(4);
      expect(values(prefetcher)).deep.equal(values(loader));
      const seen: unknown[] = [];
      for await (const batch of prefetcher) seen.push((batch as Tensor[]).map((t) => t.tolist()));
      expect(seen).deep.equal(values(loader));
    }
  });

  it('asks for as many batches ahead as it was told to', () => {
    let asked = 0;
    const source = {
      *[Symbol.iterator]() {
        for (; asked < 9; asked++) yield { x: torch.ones([1]).mul(asked), name: `batch ${asked}` };
      },
    };
    const prefetcher = new data.Prefetcher(source, { device: 'cpu', prefetchFactor: 3 });
    const iterator = prefetcher[Symbol.iterator]();
    const { value } = iterator.next();
    expect([value!.x.item(), value!.name, asked]).deep.equal([0, 'batch 0', 3]);
  });

  it('refuses what is no source of batches', () => {
    expect(refusalOf(() => new data.Prefetcher(5 as never, { device: 'cpu' })).message).equal(
      '"loader" must be a DataLoader or another iterable of batches, got 5',
    );
    expect(refusalOf(() => new data.Prefetcher([], { device: 'cpu', prefetchFactor: 0 })).code).equal('ERR_ARGUMENT');
    expect(refusalOf(() => new data.Prefetcher([], { device: 'gpu' as never })).code).equal('ERR_DEVICE');
  });
});
