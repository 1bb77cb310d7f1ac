// Sine waves continued by two LSTM cells, with LBFGS, whose every step computes the loss several times.
import torch, { nn, optim, type Tensor } from 'torch-clip';

export class Sequence extends nn.Module {
  first = new nn.LSTMCell(1, 12);
  second = new nn.LSTMCell(12, 12);
  linear = new nn.Linear(12, 1);

  /** One prediction per column of `input` `[waves, time]`, and `future` more that go on from the last. */
  override forward(input: Tensor, future = 0): Tensor {
    const zeros = () => input.newZeros([input.size(0), 12]);
    let [h1, c1, h2, c2] = [zeros(), zeros(), zeros(), zeros()];
    const outputs: Tensor[] = [];
    for (let t = 0; t < input.size(1) + future; t++) {
      const x = t < input.size(1) ? input.narrow(1, t, 1) : outputs.at(-1)!;
      [h1, c1] = this.first.forward(x, [h1, c1]);
      [h2, c2] = this.second.forward(h1, [h2, c2]);
      outputs.push(this.linear.forward(h2));
    }
    return torch.cat(outputs, 1);
  }
}

/** Every loss that the closure computes; each step asks for several. */
export function train(steps: number): number[] {
  const shifts = torch.arange(4).mul(5).unsqueeze(1);
  const waves = torch.arange(25).add(shifts).to(torch.getDefaultDtype()).div(4).sin();
  const [input, target] = [waves.narrow(1, 0, 24), waves.narrow(1, 1, 24)];
  torch.manualSeed(0);
  const model = new Sequence();
  const criterion = new nn.MSELoss();
  const optimizer = new optim.LBFGS(model.parameters(), { lr: 0.8, maxIter: 10 });
  const losses: number[] = [];
  while (losses.length < steps) {
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(input), target);
      loss.backward();
      losses.push(loss.item());
      return loss;
    });
  }
  return losses.slice(0, steps);
}
