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

  it('goes on where its user was, not where its loader is', () => {
    const make = () => {
      const loader = new data.DataLoader(new data.TensorDataset(torch.arange(20)), { batchSize: 3, shuffle: true });
      return new data.Prefetcher(loader, { device: 'cpu', prefetchFactor: 3 });
    };
    for (const stopAt of [1, 3, 4, 6, 7]) {
      const seed = () => torch.manualSeed(stopAt);
      seed();
      const expected = [values(make()), values(make())];
      seed();
      const first = make();
      const seen: unknown[] = [];
      for (const batch of first) {
        seen.push((batch as Tensor[]).map((t) => t.tolist()));
        if (seen.length === stopAt) break;
      }
      const [state, rng] = [first.stateDict(), torch.getRngState()];
      expect(state.yielded).equal(stopAt);
      torch.manualSeed(99);
      const again = make();
      again.loadStateDict(state);
      torch.setRngState(rng);
      expect([...seen, ...values(again)], `after ${stopAt}`).deep.equal(expected[0]);
      expect(again.stateDict().yielded).equal(0);
      expect(values(again)).deep.equal(expected[1]);
    }
    const plain = new data.Prefetcher([1], { device: 'cpu' });
    expect(refusalOf(() => plain.stateDict()).message).equal(
      'the source of the Prefetcher has no stateDict(), as a DataLoader has',
    );
    expect(refusalOf(() => plain.loadStateDict({} as never)).code).equal('ERR_STATE');
  });

  it('refuses what is not a source of batches', () => {
    expect(refusalOf(() => new data.Prefetcher(5 as never, { device: 'cpu' })).message).equal(
      '"loader" must be a DataLoader or another iterable of batches, got 5',
    );
    expect(refusalOf(() => new data.Prefetcher([], { device: 'cpu', prefetchFactor: 0 })).code).equal('ERR_ARGUMENT');
    expect(refusalOf(() => new data.Prefetcher([], { device: 'gpu' as never })).code).equal('ERR_DEVICE');
  });
});
