// A convolutional network that tells digits apart, with dropout, Adadelta and a decaying rate.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { pictures } from './data.js';

const F = nn.functional;

export class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 8, 3);
  conv2 = new nn.Conv2d(8, 16, 3);
  dropout1 = new nn.Dropout(0.25);
  dropout2 = new nn.Dropout(0.5);
  fc1 = new nn.Linear(16 * 12 * 12, 32);
  fc2 = new nn.Linear(32, 10);

  override forward(x: Tensor): Tensor {
    x = F.relu(this.conv1.forward(x));
    x = F.relu(this.conv2.forward(x));
    x = this.dropout1.forward(F.maxPool2d(x, 2)).flatten(1);
    x = this.dropout2.forward(F.relu(this.fc1.forward(x)));
    return F.logSoftmax(this.fc2.forward(x), 1);
  }
}

/** The losses of so many steps. */
export function train(steps: number): number[] {
  const { images, labels } = pictures(64, 1, 28);
  torch.manualSeed(0);
  const model = new Net();
  const optimizer = new optim.Adadelta(model.parameters(), { lr: 1 });
  const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 4, gamma: 0.7 });
  return Array.from({ length: steps }, (_, step) => {
    const rows = torch.arange(8).add(8 * (step % 8));
    optimizer.zeroGrad();
    const loss = F.nllLoss(model.forward(images.indexSelect(0, rows)), labels.indexSelect(0, rows));
    loss.backward();
    optimizer.step();
    if (step % 8 === 7) scheduler.step();
    return loss.item();
  });
}
