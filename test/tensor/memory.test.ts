import { constants, PerformanceObserver } from 'node:perf_hooks';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { type Tensor } from '../../lib/index.js';

const megabyte = 2 ** 20;

/** How much more the live handles keep than before `make`; what it returns is kept alive until then. */
function growth(make: () => unknown): { handles: number; bytes: number } {
  torch.collectGarbage();
  const before = torch.memoryStats();
  const kept = make();
  const after = torch.memoryStats();
  expect(kept).not.to.equal(undefined);
  return { handles: after.handles - before.handles, bytes: after.bytes - before.bytes };
}

describe('torch.memoryStats', () => {
  it('counts the bytes of a tensor', () => {
    const { handles, bytes } = growth(() => torch.zeros([megabyte / 4]));
    expect(handles).to.equal(1);
    expect(bytes).to.be.within(megabyte, megabyte + 1024);
  });

  it('counts a storage once, however many views it has', () => {
    const { handles, bytes } = growth(() => {
      const t = torch.zeros([megabyte / 4]);
      return [t, t.view([2, -1]), t.narrow(0, 0, 4), t.detach(), t.view([2, -1]).transpose(0, 1)];
    });
    expect(handles).to.be.within(5, 6);
    expect(bytes).to.be.within(megabyte, megabyte + 8192);
  });

  it('is exact after any sequence of views, copies, rebindings and disposals', () => {
    interface Storage {
      bytes: number;
    }
    const names = ['make', 'view', 'head', 'copy', 'exp', 'resize', 'rebind', 'share', 'dispose'] as const;
    const step = fc.record({
      name: fc.constantFrom(...names),
      on: fc.nat(30),
      other: fc.nat(30),
      size: fc.constantFrom(1, 16, 17, 1024, 1025, 5000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (list) => {
        torch.collectGarbage();
        const start = torch.memoryStats().bytes;
        const live = new Map<Tensor, Storage>();
        const bytesOf = (elements: number): Storage => ({ bytes: 4 * elements });
        for (const { name, on, other, size } of list) {
          if (live.size === 0) live.set(torch.zeros([4]), bytesOf(4));
          const all = [...live];
          const [t, storage] = all[on % all.length]!;
          const elements = t.numel();
          torch.scope(() => {
            if (name === 'make') live.set(torch.keep(torch.zeros([size])), bytesOf(size));
            if (name === 'view') live.set(torch.keep(t.view([-1])), storage);
            if (name === 'head') live.set(torch.keep(t.narrow(0, 0, 1)), storage);
            if (name === 'copy') live.set(torch.keep(t.clone()), bytesOf(elements));
            // Its graph holds the result's memory too.
            if (name === 'exp') live.set(torch.keep(t.detach().requiresGrad_().exp()), bytesOf(elements));
            if (name === 'dispose') {
              t.dispose();
              live.delete(t);
            }
            if (name === 'resize' && t.isLeaf) {
              t.resize_([size]);
              storage.bytes = Math.max(storage.bytes, 4 * size);
            }
            if (name === 'rebind' && t.isLeaf) {
              t.set_(torch.zeros([size]));
              live.set(t, bytesOf(size));
            }
            const [from, shared] = all[other % all.length]!;
            if (name === 'share' && t.isLeaf && from.isLeaf) {
              t.set_(from);
              live.set(t, shared);
            }
          });
          const bytes = [...new Set(live.values())].reduce((sum, one) => sum + one.bytes, 0);
          expect(torch.memoryStats().bytes - start, name).to.equal(bytes);
        }
        for (const t of live.keys()) t.dispose();
        expect(torch.memoryStats().bytes).to.equal(start);
      }),
      { numRuns: 50 },
    );
  });

  it('forgets a storage with its last view', () => {
    const base = torch.zeros([megabyte / 4]);
    const view = base.narrow(0, 0, 4);
    const full = torch.memoryStats().bytes;
    base.dispose();
    expect(full - torch.memoryStats().bytes).to.be.below(1024);
    view.dispose();
    expect(full - torch.memoryStats().bytes).to.be.within(megabyte, megabyte + 1024);
    view.dispose();
    expect(full - torch.memoryStats().bytes).to.be.within(megabyte, megabyte + 1024);
  });

  it('falls back when unused tensors are collected', () => {
    torch.collectGarbage();
    const before = torch.memoryStats();
    const make = () => {
      for (let i = 0; i < 20; i++) torch.zeros([megabyte / 4]).add(1);
    };
    make();
    torch.collectGarbage();
    const after = torch.memoryStats();
    expect(after.bytes - before.bytes).to.be.below(2 * megabyte);
    expect(after.handles - before.handles).to.be.below(3);
  });

  it('does not count what a disposed handle kept', () => {
    const grown = growth(() => {
      const t: Tensor = torch.zeros([megabyte / 4]);
      t.dispose();
      return t;
    });
    expect(grown.bytes).to.be.below(1024);
  });

  const held: Record<string, [() => Tensor, bytes: number]> = {
    'of one element': [() => torch.zeros([1]), 4],
    'of 1,000 elements': [() => torch.zeros([1000]), 4000],
    'of a sparse tensor': [() => torch.eye(10).toSparse(), 10 * 4 + 2 * 10 * 8],
    'of a sparse tensor by rows': [() => torch.eye(10).toSparseCsr(), 10 * 4 + (10 + 11) * 8],
    'of a quantized tensor': [() => torch.quantizePerTensor(torch.zeros([1000]), 0.1, 0, torch.qint8), 1000],
    'without elements': [() => torch.empty([0]), 0],
    'that were resized': [() => torch.zeros([10]).resize_([2000]), 8000],
    'that an out option was given': [() => torch.ones([3000], { out: torch.empty([0]) }), 12_000],
    'that were taken from another tensor': [() => torch.zeros([10]).set_(torch.zeros([500])), 2000],
  };
  for (const [name, [make, bytes]] of Object.entries(held)) {
    it(`counts the bytes ${name}`, () => {
      torch.collectGarbage();
      const before = torch.memoryStats().bytes;
      const tensors = Array.from({ length: 100 }, () => torch.scope(make));
      expect(torch.memoryStats().bytes - before).to.equal(100 * bytes);
      for (const t of tensors) t.dispose();
      expect(torch.memoryStats().bytes).to.equal(before);
    });
  }
});

describe('tensors that a synchronous loop drops', () => {
  it('are mostly collected while they are young, and memory stays bounded', async () => {
    torch.collectGarbage();
    const counts = { full: 0, young: 0 };
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { detail } = entry as unknown as { detail: { kind: number } };
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) counts.full++;
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) counts.young++;
      }
    });
    observer.observe({ entryTypes: ['gc'] });
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      torch.empty([megabyte / 4]);
      if (i % 10 === 0) most = Math.max(most, torch.memoryStats().bytes);
    }
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
    observer.disconnect();
    // 2 GB in all, of which a full collection would be asked for each 100 MB or so.
    expect(counts.full).below(10);
    expect(counts.young).above(20);
    expect(most).below(400 * megabyte);
  });

  it('on the device meta have no bytes', () => {
    expect(growth(() => torch.empty([2 ** 40], { device: 'meta' })).bytes).equal(0);
  });
});
