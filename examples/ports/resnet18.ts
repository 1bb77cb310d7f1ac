// ResNet-18, with the names of torchvision's state dict. He et al., "Deep residual learning for image recognition", 2016.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { pictures } from './data.js';

class BasicBlock extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  relu = new nn.ReLU({ inplace: true });
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential<[nn.Conv2d, nn.BatchNorm2d]> | null = null;

  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(outputs);
    this.conv2 = new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(outputs);
    if (stride !== 1 || inputs !== outputs) {
      this.downsample = new nn.Sequential(
        new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }),
        new nn.BatchNorm2d(outputs),
      );
    }
  }

  override forward(x: Tensor): Tensor {
    const kept = this.downsample?.forward(x) ?? x;
    const h = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
    return this.relu.forward(this.bn2.forward(this.conv2.forward(h)).add(kept));
  }
}

const stage = (inputs: number, outputs: number, stride: number) =>
  new nn.Sequential(new BasicBlock(inputs, outputs, stride), new BasicBlock(outputs, outputs, 1));

export class ResNet18 extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  relu = new nn.ReLU({ inplace: true });
  maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  layer1: nn.Sequential<[BasicBlock, BasicBlock]>;
  layer2: nn.Sequential<[BasicBlock, BasicBlock]>;
  layer3: nn.Sequential<[BasicBlock, BasicBlock]>;
  layer4: nn.Sequential<[BasicBlock, BasicBlock]>;
  avgpool = new nn.AdaptiveAvgPool2d(1);
  fc: nn.Linear;

  /** @param width the channels of the first stage, 64 in the paper. */
  constructor(classes = 1000, width = 64) {
    super();
    this.conv1 = new nn.Conv2d(3, width, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.layer1 = stage(width, width, 1);
    this.layer2 = stage(width, 2 * width, 2);
    this.layer3 = stage(2 * width, 4 * width, 2);
    this.layer4 = stage(4 * width, 8 * width, 2);
    this.fc = new nn.Linear(8 * width, classes);
    for (const module of this.modules()) {
      if (module instanceof nn.Conv2d) {
        nn.init.kaimingNormal_(module.weight, { mode: 'fan_out', nonlinearity: 'relu' });
      }
    }
  }

  override forward(x: Tensor): Tensor {
    x = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(x))));
    x = this.layer4.forward(this.layer3.forward(this.layer2.forward(this.layer1.forward(x))));
    return this.fc.forward(this.avgpool.forward(x).flatten(1));
  }
}

export function train(steps: number): number[] {
  const { images, labels } = pictures(16, 3, 32);
  torch.manualSeed(0);
  const model = new ResNet18(10, 8);
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 });
  return Array.from({ length: steps }, (_, step) => {
    const at = 8 * (step % 2);
    optimizer.zeroGrad();
    const loss = criterion.forward(model.forward(images.narrow(0, at, 8)), labels.narrow(0, at, 8));
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
