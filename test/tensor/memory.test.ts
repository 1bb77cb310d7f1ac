import { expect } from 'chai';
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
