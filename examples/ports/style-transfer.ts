// The layers of a style-transfer network (reflection padding, instance norms, residual blocks, enlarging by neighbours), trained by content and by
// Gram matrices of a fixed network's features. Johnson et al., "Perceptual losses for real-time style transfer", 2016.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { pictures } from './data.js';

class Conv extends nn.Module {
  pad: nn.ReflectionPad2d;
  conv: nn.Conv2d;

  constructor(inputs: number, outputs: number, kernel: number, stride = 1) {
    super();
    this.pad = new nn.ReflectionPad2d(Math.floor(kernel / 2));
    this.conv = new nn.Conv2d(inputs, outputs, kernel, { stride });
  }

  override forward(x: Tensor): Tensor {
    return this.conv.forward(this.pad.forward(x));
  }
}

class Residual extends nn.Module {
  conv1: Conv;
  norm1: nn.InstanceNorm2d;
  conv2: Conv;
  norm2: nn.InstanceNorm2d;

  constructor(channels: number) {
    super();
    this.conv1 = new Conv(channels, channels, 3);
    this.norm1 = new nn.InstanceNorm2d(channels, { affine: true });
    this.conv2 = new Conv(channels, channels, 3);
    this.norm2 = new nn.InstanceNorm2d(channels, { affine: true });
  }

  override forward(x: Tensor): Tensor {
    const h = this.norm1.forward(this.conv1.forward(x)).relu();
    return this.norm2.forward(this.conv2.forward(h)).add(x);
  }
}

class Enlarge extends nn.Module {
  up = new nn.Upsample({ scaleFactor: 2, mode: 'nearest' });
  conv: Conv;

  constructor(inputs: number, outputs: number) {
    super();
    this.conv = new Conv(inputs, outputs, 3);
  }

  override forward(x: Tensor): Tensor {
    return this.conv.forward(this.up.forward(x));
  }
}

export class StyleTransfer extends nn.Module {
  body = new nn.Sequential(
    new Conv(3, 8, 5),
    new nn.InstanceNorm2d(8, { affine: true }),
    new nn.ReLU(),
    new Conv(8, 16, 3, 2),
    new nn.InstanceNorm2d(16, { affine: true }),
    new nn.ReLU(),
    new Residual(16),
    new Enlarge(16, 8),
    new nn.InstanceNorm2d(8, { affine: true }),
    new nn.ReLU(),
    new Conv(8, 3, 5),
  );

  override forward(x: Tensor): Tensor {
    return this.body.forward(x);
  }
}

function gram(features: Tensor): Tensor {
  const [n, c, h, w] = features.shape as [number, number, number, number];
  const flat = features.view(n, c, h * w);
  return flat.bmm(flat.transpose(1, 2)).div(c * h * w);
}

export function train(steps: number): number[] {
  const { images } = pictures(8, 3, 16);
  const style = images.narrow(0, 0, 1);
  torch.manualSeed(0);
  const model = new StyleTransfer();
  const judge = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.ReLU(), new nn.Conv2d(8, 8, 3)).requiresGrad_(false);
  const mean = images.newTensor([0.5, 0.4, 0.3]).view(-1, 1, 1);
  const features = (x: Tensor) => judge.forward(x.sub(mean));
  const wanted = gram(features(style));
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const mse = new nn.MSELoss();
  return Array.from({ length: steps }, (_, step) => {
    const x = images.narrow(0, 4 * (step % 2), 4);
    optimizer.zeroGrad();
    const [made, given] = [features(model.forward(x)), features(x)];
    const loss = mse.forward(made, given).add(mse.forward(gram(made), wanted.expand([4, -1, -1])).mul(1e3));
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
