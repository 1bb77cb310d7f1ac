// The model that is served: the same code builds it where it is trained and in each thread that answers.
import torch, { clip, data, nn, optim, utils } from 'torch-clip';
import { loadDigits } from '../demo/digits.js';

export const pixels = 28 * 28;

export const build = (): nn.Sequential =>
  new nn.Sequential(new nn.Flatten(), new nn.Linear(pixels, 128), new nn.ReLU(), new nn.Linear(128, 10));

/** Trains a model on digits and saves it; gives its accuracy on digits that it has not seen. */
export function train(path: string, epochs: number): number {
  torch.manualSeed(0);
  const digits = loadDigits();
  const model = build();
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3, clip: clip.norm(1) });
  const criterion = new nn.CrossEntropyLoss();
  const dataset = new data.TensorDataset(digits.train.x, digits.train.y);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const loader = new data.DataLoader(dataset, { batchSize: 100, shuffle: true });
    const bar = utils.progress(loader, { label: `epoch ${epoch}`, optimizer });
    for (const [x, y] of bar) {
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(x!), y!);
      loss.backward();
      optimizer.step();
      bar.set({ loss });
    }
  }
  torch.save(model.stateDict(), path);
  return torch.noGrad(() => {
    const right = model.forward(digits.test.x).argmax({ dim: 1 }).eq(digits.test.y);
    return right.float().mean().item();
  });
}
