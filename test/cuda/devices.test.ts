import { expect } from 'chai';
import type { DeviceLike } from '../../lib/device.js';
import torch, { clip, nn, optim, type Tensor } from '../../lib/index.js';
import { bits } from '../optim/support.js';
import { onTwoGpus } from './support.js';

const clippers = {
  none: null,
  norm: clip.norm(1),
  agc: clip.agc(),
  auto: clip.auto({ percentile: 50 }),
  update: clip.norm(0.5, { placement: 'update' }),
};

/** Parameters and gradients on the devices in turn, with the same values whatever the devices are. */
function parameters(devices: DeviceLike[]): Tensor[] {
  return [[70_000], [8, 5], [3], [40_000]].map((shape, i) => {
    const n = shape.reduce((a, b) => a * b);
    const values = (k: number) => torch.arange(n, { dtype: torch.float64 }).mul(k).sin().to(torch.float32).view(shape);
    const p = values(0.3 + i)
      .to(devices[i % devices.length]!)
      .detach()
      .requiresGrad_();
    p.grad = values(0.7 + i).to(p.device);
    return p;
  });
}

describe('several GPUs', () => {
  for (const [name, clipper] of Object.entries(clippers)) {
    for (const Rule of [optim.AdamW, optim.LAMB]) {
      onTwoGpus(`parameters on two devices move by the bits of one: ${Rule.name}, ${name}`, () => {
        const run = (devices: DeviceLike[]) => {
          const params = parameters(devices);
          const optimizer = new Rule(params, { clip: clipper });
          for (let t = 1; t <= 5; t++) {
            if (t === 3) params[1]!.grad!.select(0, 0).fill_(Number.NaN);
            if (t === 4) params[1]!.grad!.fill_(0.5);
            optimizer.step();
          }
          return [...params, ...[optimizer.clipStats.norm, optimizer.clipStats.skipped]].map((t) =>
            bits(t.reshape([-1])),
          );
        };
        expect(run(['cuda:0', 'cuda:1'])).deep.equal(run(['cuda:0']));
      });
    }
  }

  onTwoGpus('clipGradNorm_ takes gradients of any devices', () => {
    const run = (devices: DeviceLike[]) => {
      const params = parameters(devices);
      const total = nn.utils.clipGradNorm_(params, 1).item<number>();
      return [total, ...params.map((p) => p.grad!.double().norm().item<number>())];
    };
    const want = run(['cpu']);
    run(['cuda:0', 'cuda:1', 'cpu']).forEach((x, i) => {
      expect(x / want[i]!).closeTo(1, 1e-6);
    });
  });
});
