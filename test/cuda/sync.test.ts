import { expect } from 'chai';
import torch, { cuda, optim } from '../../lib/index.js';
import { clipperOf, clippers } from '../optim/support.js';
import { onGpu } from './support.js';

/** Makes everything that waits for the GPU throw in `body`. */
function strictly(body: () => void): void {
  cuda.setSyncDebugMode('error');
  try {
    body();
  } finally {
    cuda.setSyncDebugMode('default');
  }
}

/** Two tensors, one of several chunks, with gradients. */
function parameters(): torch.Tensor[] {
  return [[40_003], [5, 7]].map((size) => {
    const p = torch.randn(size, { device: 'cuda', requiresGrad: true });
    p.grad = torch.randn(size, { device: 'cuda' });
    return p;
  });
}

describe('cuda: setSyncDebugMode', () => {
  onGpu('finds a wait, and is put back', async () => {
    const x = torch.ones([3], { device: 'cuda' });
    expect(cuda.getSyncDebugMode()).equal('default');
    strictly(() => {
      expect(cuda.getSyncDebugMode()).equal('error');
      expect(() => x.sum().item()).throw(torch.TorchClipError, /synchronizing CUDA operation/);
      expect(() => x.nonzero()).throw(torch.TorchClipError, /synchronizing CUDA operation/);
    });
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    cuda.setSyncDebugMode('warn');
    expect(x.sum().item()).equal(3);
    cuda.setSyncDebugMode('default');
    expect((await warned).message).match(/synchronizing CUDA operation/);
  });

  for (const name of ['none', 'norm', 'norm by group', 'layerwise', 'auto', 'zscore', 'stochastic, linear', 'agc']) {
    onGpu(`a step, its statistics and zeroGrad wait for nothing: ${name}`, () => {
      const params = parameters();
      const optimizer = new optim.AdamW(params, { clip: clipperOf(clippers[name]!) });
      optimizer.step();
      strictly(() => {
        for (let t = 0; t < 5; t++) {
          for (const p of params) p.grad!.mul_(1.5);
          optimizer.step();
          const { norm, coefficient, threshold, clipped, skipped } = optimizer.clipStats;
          for (const t of [norm, coefficient, threshold, clipped, skipped]) t.add(1);
        }
        optimizer.zeroGrad({ setToNone: false });
        optimizer.step();
        optimizer.zeroGrad();
      });
      expect(params.map(({ grad }) => grad)).deep.equal([null, null]);
      expect(optimizer.clipStats.skipped.item()).equal(0);
    });
  }

  onGpu('a step of GradScaler and its update wait for nothing', () => {
    const [p] = parameters() as [torch.Tensor, torch.Tensor];
    const optimizer = new optim.AdamW([p], { clip: clipperOf(clippers.norm!) });
    const scaler = new torch.GradScaler({ initScale: 1024, growthInterval: 2 });
    const round = () => {
      optimizer.zeroGrad();
      scaler.scale(p.pow(2).sum()).backward();
      scaler.step(optimizer);
      scaler.update();
    };
    round();
    strictly(() => {
      for (let t = 0; t < 4; t++) round();
    });
    expect(scaler.getScale()).equal(4096);
  });
});
