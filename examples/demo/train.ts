// One training run: runs differ in the clipper alone.
import torch, { clip, data, nn, optim, type Tensor } from 'torch-clip';
import type { Digits } from './digits.js';

export const setting = { hidden: 128, lr: 0.05, momentum: 0.9, batchSize: 100, epochs: 3, seed: 0 };

/** Reads a digit from top to bottom, one row per step, and classifies it from its last state. */
export class RowReader extends nn.Module {
  rnn: nn.RNN;
  head: nn.Linear;

  constructor(hidden = setting.hidden) {
    super();
    this.rnn = new nn.RNN(28, hidden, { batchFirst: true });
    this.head = new nn.Linear(hidden, 10);
    nn.init.orthogonal_(this.rnn.weight_hh_l0!);
  }

  override forward(x: Tensor): Tensor {
    const [states] = this.rnn.forward(x);
    return this.head.forward(states.select(1, -1));
  }
}

export interface Run {
  name: string;
  /** The training loss of each step. */
  losses: number[];
  /** The norm of the whole gradient at each step, before clipping. */
  norms: number[];
  /** How heavy their tail is: `mildRatio` of `clip.tailIndex`; NaN where too few of them are finite. */
  tailRatio: number;
  testLoss: number;
  /** The share of the test digits that are classified correctly. */
  accuracy: number;
  seconds: number;
}

/** What an epoch needs, with the same initial weights and batches each time it is made. */
export function begin(clipper: clip.Clipper | undefined, { x, y }: Digits) {
  torch.manualSeed(setting.seed);
  const model = new RowReader();
  const criterion = new nn.CrossEntropyLoss();
  const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: setting.batchSize, shuffle: true });
  const { lr, momentum } = setting;
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum, clip: clipper });
  return { model, criterion, loader, optimizer };
}

/** One pass over the digits; `onStep` is told the loss of each step and the norm of the whole gradient before clipping. */
export function epoch(
  { model, criterion, loader, optimizer }: ReturnType<typeof begin>,
  onStep: (loss: number, norm: number) => void,
): void {
  for (const [x, y] of loader) {
    optimizer.zeroGrad();
    const loss = criterion.forward(model.forward(x), y);
    loss.backward();
    const norm = nn.utils.getTotalNorm(model.parameters().map((p) => p.grad!)).item();
    optimizer.step();
    onStep(loss.item(), norm);
  }
}

/**
 * Trains from the same initial weights and with the same batches each time it is called.
 *
 * @param onStep is told the loss after each step.
 */
export function train(
  name: string,
  clipper: clip.Clipper | undefined,
  digits: { train: Digits; test: Digits },
  onStep: (step: number, loss: number) => void,
): Run {
  const started = performance.now();
  const training = begin(clipper, digits.train);
  const { model, criterion } = training;
  const losses: number[] = [];
  const norms: number[] = [];
  for (let pass = 0; pass < setting.epochs; pass++) {
    epoch(training, (loss, norm) => {
      norms.push(norm);
      onStep(losses.push(loss), loss);
    });
  }

  const { testLoss, accuracy } = torch.noGrad(() => {
    const logits = model.forward(digits.test.x);
    const right = logits.argmax({ dim: 1 }).eq(digits.test.y).to({ dtype: torch.float32 });
    return { testLoss: criterion.forward(logits, digits.test.y).item(), accuracy: right.mean().item() };
  });
  const finite = norms.filter(Number.isFinite);
  const tailRatio = finite.length < 10 ? Number.NaN : clip.tailIndex(finite).mildRatio;
  return { name, losses, norms, tailRatio, testLoss, accuracy, seconds: (performance.now() - started) / 1000 };
}
