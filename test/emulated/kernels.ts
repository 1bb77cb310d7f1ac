import { expect } from 'chai';
import torch, { clip, nn, optim, TorchClipError } from '../../lib/index.js';
import { bits, clipperOf, clippers, make, parameters, rules, setGradients, snapshot } from '../optim/support.js';

/** How blocks, and threads between barriers, have their turns: native/optim/cuda/emulation/block.h. */
const orders = ['forward', 'backward', '1', '2', '3'];

function inOrder<T>(order: string, run: () => T): T {
  process.env.TORCH_CLIP_EMULATION_ORDER = order;
  try {
    return run();
  } finally {
    delete process.env.TORCH_CLIP_EMULATION_ORDER;
  }
}

describe('emulated kernels', () => {
  for (const [ruleName, rule] of Object.entries(rules)) {
    it(`no order of blocks and threads changes a bit: ${ruleName}`, () => {
      for (const [clipName, spec] of Object.entries(clippers)) {
        const run = () => {
          const groups = parameters(torch.float32);
          const optimizer = make(rule, groups, { clip: clipperOf(spec) });
          const stats: string[] = [];
          for (let t = 1; t <= 3; t++) {
            setGradients(groups, t);
            optimizer.step();
            const { norm, coefficient } = optimizer.clipStats;
            stats.push(bits(norm.reshape([-1])), bits(coefficient.reshape([-1])));
          }
          return { snapshot: snapshot(optimizer), stats };
        };
        const want = inOrder('forward', run);
        for (const order of orders.slice(1)) expect(inOrder(order, run), `${clipName}, ${order}`).deep.equal(want);
      }
    });
  }

  it('no order changes a bit of the norm of many chunks', () => {
    for (const dtype of [torch.float32, torch.float64, torch.float16, torch.bfloat16]) {
      const tensors = [100_003, 1, 16_384, 16_385, 0, 7].map((n) => {
        const index = torch.arange(n, { dtype: torch.float64 });
        return index.mul(0.7).sin().to({ dtype });
      });
      for (const normType of [1, 2, 3.5, Infinity]) {
        const norm = () => bits(nn.utils.getTotalNorm(tensors, { normType }).reshape([1]));
        const [want, ...others] = orders.map((order) => inOrder(order, norm));
        for (const other of others) expect(other).equal(want);
        const reference = torch.linalg.vectorNorm(torch.cat(tensors.map((t) => t.double())), normType).item();
        expect(nn.utils.getTotalNorm(tensors, { normType }).item() / reference).closeTo(1, 1e-6);
      }
    }
  });

  it('too many skips in a row are noticed by the step after', () => {
    const p = torch.tensor([1], { requiresGrad: true });
    const optimizer = new optim.SGD([p], { lr: 1, clip: clip.norm(1), maxConsecutiveSkips: 2 });
    p.grad = torch.tensor([Number.NaN]);
    for (let t = 0; t < 3; t++) optimizer.step();
    expect(() => optimizer.step()).throw(TorchClipError, /maxConsecutiveSkips/);
    expect(optimizer.clipStats.skipped.item()).equal(3);
    expect(p.item()).equal(1);
  });
});
