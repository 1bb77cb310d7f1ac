// Differentially private training by hand: the gradient of each sample by vmap over grad, each clipped, and noise on their sum. Abadi et al., "Deep
// learning with differential privacy", 2016.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { pictures } from './data.js';

const F = nn.functional;
const { functionalCall, grad } = torch.func;

type Weights = Record<string, Tensor>;
const maxNorm = 1;
const noiseMultiplier = 0.3;

export function train(steps: number): number[] {
  const { images, labels } = pictures(24, 1, 12);
  torch.manualSeed(0);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 4, 3),
    new nn.GroupNorm(2, 4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(100, 10),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5, momentum: 0.9 });
  const lossOfOne = (weights: Weights, image: Tensor, label: Tensor) => {
    const scores = functionalCall(model, weights, image.unsqueeze(0)) as Tensor;
    return F.crossEntropy(scores, label.unsqueeze(0));
  };
  const perSample = torch.vmap(grad(lossOfOne), [null, 0, 0]);
  return Array.from({ length: steps }, () => {
    const parameters = model.namedParameters();
    const gradients = perSample(Object.fromEntries(parameters.map(([name, p]) => [name, p.detach()])), images, labels);
    const squares = Object.values(gradients).map((g) => g.flatten(1).square().sum(1));
    const factors = torch.stack(squares).sum(0).sqrt().add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
    for (const [name, p] of parameters) {
      const sum = torch.tensordot(factors, gradients[name]!, [0], [0]);
      p.grad = sum.add(torch.randnLike(sum).mul(noiseMultiplier * maxNorm)).div(images.shape[0]!);
    }
    optimizer.step();
    return torch.noGrad(() => F.crossEntropy(model.forward(images) as Tensor, labels).item());
  });
}
