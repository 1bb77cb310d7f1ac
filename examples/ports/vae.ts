// A variational autoencoder: the bound on the likelihood, with the reparametrised sample.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { pictures } from './data.js';

const F = nn.functional;

export class VAE extends nn.Module {
  hidden = new nn.Linear(784, 64);
  mean = new nn.Linear(64, 8);
  logVariance = new nn.Linear(64, 8);
  back = new nn.Linear(8, 64);
  out = new nn.Linear(64, 784);

  override forward(x: Tensor): [reconstruction: Tensor, mean: Tensor, logVariance: Tensor] {
    const h = F.relu(this.hidden.forward(x));
    const mean = this.mean.forward(h);
    const logVariance = this.logVariance.forward(h);
    const z = torch.randnLike(mean).mul(logVariance.mul(0.5).exp()).add(mean);
    const reconstruction = this.out.forward(F.relu(this.back.forward(z))).sigmoid();
    return [reconstruction, mean, logVariance];
  }
}

export function train(steps: number): number[] {
  const { images } = pictures(32, 1, 28);
  const flat = images.clamp({ max: 1 }).flatten(1);
  torch.manualSeed(0);
  const model = new VAE();
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  return Array.from({ length: steps }, (_, step) => {
    const batch = flat.narrow(0, 8 * (step % 4), 8);
    const [reconstruction, mean, logVariance] = model.forward(batch);
    const error = F.binaryCrossEntropy(reconstruction, batch, { reduction: 'sum' });
    const divergence = logVariance.add(1).sub(mean.pow(2)).sub(logVariance.exp()).sum().mul(-0.5);
    const loss = error.add(divergence);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
