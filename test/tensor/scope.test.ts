import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import torch, { type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';

describe('torch.scope', () => {
  it('frees what was made inside and not returned', () => {
    const made: Tensor[] = [];
    const result = torch.scope(() => {
      for (let i = 0; i < 3; i++) made.push(torch.ones([4]));
      return made[0]!.add(made[1]!);
    });
    expect(made.map((t) => t.isDisposed)).to.deep.equal([true, true, true]);
    expect(result.tolist()).to.deep.equal([2, 2, 2, 2]);
  });

  it('keeps tensors inside returned containers', () => {
    const all = torch.scope(() => ({
      list: [torch.ones([1]), [torch.ones([1])]],
      map: new Map([['a', torch.ones([1])]]),
      set: new Set([torch.ones([1])]),
      deep: { er: { t: torch.ones([1]) } },
    }));
    const [a, [b]] = all.list as [Tensor, [Tensor]];
    const kept = [a, b, all.map.get('a')!, ...all.set, all.deep.er.t];
    expect(kept.map((t) => t.isDisposed)).to.deep.equal([false, false, false, false, false]);
  });

  it('ends with cyclic results', () => {
    const cyclic: { self?: unknown; t?: Tensor } = {};
    torch.scope(() => {
      cyclic.self = cyclic;
      cyclic.t = torch.ones([1]);
      return cyclic;
    });
    expect(cyclic.t!.isDisposed).to.equal(false);
  });

  it('leaves older tensors and module parameters alone', () => {
    const old = torch.ones([2]);
    const layer = torch.scope(() => new torch.nn.Linear(2, 2));
    torch.scope(() => layer.forward(old).sum().backward());
    expect(old.isDisposed).to.equal(false);
    expect(layer.weight.grad!.shape).to.deep.equal([2, 2]);
  });

  it('nests: what an inner scope returns belongs to the outer one', () => {
    let inner!: Tensor;
    let deep!: Tensor;
    const result = torch.scope(() => {
      inner = torch.scope(() => {
        deep = torch.ones([1]);
        return deep.add(1);
      });
      expect(deep.isDisposed).to.equal(true);
      expect(inner.isDisposed).to.equal(false);
      return 5;
    });
    expect(result).to.equal(5);
    expect(inner.isDisposed).to.equal(true);
  });

  it('frees everything when the body throws, and lets the error through', () => {
    const failure = new Error('mine');
    let made!: Tensor;
    expect(() =>
      torch.scope(() => {
        made = torch.ones([1]);
        throw failure;
      }),
    ).to.throw(failure);
    expect(made.isDisposed).to.equal(true);
    const after = torch.ones([1]);
    expect(after.isDisposed).to.equal(false);
  });

  it('spares what keep is called with', () => {
    let kept!: Tensor;
    torch.scope(() => {
      torch.scope(() => {
        kept = torch.keep(torch.ones([1]));
      });
    });
    expect(kept.isDisposed).to.equal(false);
  });

  describe('around a call that goes on after it', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'torch-clip-test-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    const x = torch.arange(6, { dtype: torch.float32 }).reshape([2, 3]);
    const rows = {
      *[Symbol.iterator]() {
        for (let i = 0; i < 4; i++) yield torch.full([2], i);
      },
    };
    const { data, io } = torch;
    /** What begins a call, and what it gives in the end. */
    const calls: Record<string, [begin: () => unknown, expected: unknown]> = {
      'x.itemAsync': [() => x.sum().itemAsync(), 15],
      'x.toTypedArrayAsync': [() => x.t().toTypedArrayAsync(), Float32Array.of(0, 3, 1, 4, 2, 5)],
      'io.saveAsync': [
        async () => {
          const path = join(folder, 'a.pt');
          const saved = { x, view: x.t(), numbers: Float64Array.of(1, 2) };
          await torch.scope(() => ({ later: io.saveAsync(saved, path) })).later;
          const loaded = io.load(path) as { x: Tensor; view: Tensor; numbers: Tensor };
          return [loaded.x.tolist(), loaded.view.tolist(), loaded.numbers.tolist()];
        },
        [x.tolist(), x.t().tolist(), [1, 2]],
      ],
      'DataLoader of a dataset': [
        () => batchesOf(new data.DataLoader(new data.TensorDataset(x), { batchSize: 1 })),
        [[[[0, 1, 2]]], [[[3, 4, 5]]]],
      ],
      'DataLoader of samples': [() => batchesOf(new data.DataLoader([1, 2, 3], { batchSize: 2 })), [[1, 2], [3]]],
      'DataLoader of a stream': [
        () => batchesOf(new data.DataLoader(rows, { batchSize: 2 })),
        [
          [
            [0, 0],
            [1, 1],
          ],
          [
            [2, 2],
            [3, 3],
          ],
        ],
      ],
      'DataLoader with a collate of its own': [
        () => batchesOf(new data.DataLoader(rows, { batchSize: 2, collate: (list: Tensor[]) => torch.cat(list) })),
        [
          [0, 0, 1, 1],
          [2, 2, 3, 3],
        ],
      ],
      Prefetcher: [
        () => batchesOf(new data.Prefetcher(rows, { device: 'cpu', prefetchFactor: 1 })),
        [
          [0, 0],
          [1, 1],
          [2, 2],
          [3, 3],
        ],
      ],
    };

    /** All batches, each step in a scope of its own. */
    async function batchesOf(source: { [Symbol.asyncIterator](): AsyncIterator<unknown> }): Promise<unknown[]> {
      const steps = source[Symbol.asyncIterator]();
      const kept: unknown[] = [];
      for (;;) {
        const { done, value } = await torch.scope(() => ({ later: steps.next() })).later;
        if (done) break;
        kept.push(value);
      }
      const plain = (value: unknown): unknown =>
        Array.isArray(value) ? value.map(plain) : value instanceof torch.Tensor ? value.tolist() : value;
      return kept.map(plain);
    }

    for (const [name, [begin, expected]] of Object.entries(calls)) {
      it(`leaves alone what it needs: ${name}`, async () => {
        const { later } = torch.scope(() => ({ later: begin() }));
        expect(await later).to.deep.equal(expected);
      });
    }
  });

  it('refuses async bodies', async () => {
    expect(refusalOf(() => torch.scope(async () => 1)).code).to.equal('ERR_ASYNC_SCOPE');
    expect(refusalOf(() => torch.scope(() => Promise.resolve(1))).code).to.equal('ERR_ASYNC_SCOPE');
    expect(refusalOf(() => torch.scope(() => Promise.reject(new Error('unseen')))).code).to.equal('ERR_ASYNC_SCOPE');
    for (const body of [undefined, 1, {}]) {
      expect(refusalOf(() => torch.scope(body as unknown as () => void)).code).to.equal('ERR_ARGUMENT');
    }
  });
});
