// Pictures enlarged by sub-pixel convolution: channels that become pixels.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { pictures } from './data.js';

export class SuperResolution extends nn.Module {
  relu = new nn.ReLU();
  conv1 = new nn.Conv2d(1, 16, 5, { padding: 2 });
  conv2 = new nn.Conv2d(16, 16, 3, { padding: 1 });
  conv3 = new nn.Conv2d(16, 8, 3, { padding: 1 });
  conv4: nn.Conv2d;
  shuffle: nn.PixelShuffle;

  constructor(factor: number) {
    super();
    this.conv4 = new nn.Conv2d(8, factor ** 2, 3, { padding: 1 });
    this.shuffle = new nn.PixelShuffle(factor);
    for (const conv of [this.conv1, this.conv2, this.conv3]) {
      nn.init.orthogonal_(conv.weight, { gain: nn.init.calculateGain('relu') });
    }
    nn.init.orthogonal_(this.conv4.weight);
  }

  override forward(x: Tensor): Tensor {
    x = this.relu.forward(this.conv1.forward(x));
    x = this.relu.forward(this.conv2.forward(x));
    x = this.relu.forward(this.conv3.forward(x));
    return this.shuffle.forward(this.conv4.forward(x));
  }
}

export function train(steps: number): number[] {
  const { images } = pictures(16, 1, 16);
  const small = nn.functional.interpolate(images, { scaleFactor: 0.5, mode: 'bilinear' });
  torch.manualSeed(0);
  const model = new SuperResolution(2);
  const criterion = new nn.MSELoss();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  return Array.from({ length: steps }, (_, step) => {
    const at = 4 * (step % 4);
    optimizer.zeroGrad();
    const loss = criterion.forward(model.forward(small.narrow(0, at, 4)), images.narrow(0, at, 4));
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
