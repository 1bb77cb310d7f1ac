// REINFORCE: the policy's log-probabilities weighted by what the episode brought afterwards. Williams, 1992.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { CartPole, type State } from './cart-pole.js';

export class Policy extends nn.Module {
  affine1 = new nn.Linear(4, 32);
  dropout = new nn.Dropout(0.4);
  affine2 = new nn.Linear(32, 2);

  override forward(x: Tensor): Tensor {
    const h = this.dropout.forward(this.affine1.forward(x)).relu();
    return this.affine2.forward(h).softmax(-1);
  }
}

/** The loss of each episode. */
export function train(episodes: number): number[] {
  torch.manualSeed(0);
  const policy = new Policy();
  const optimizer = new optim.Adam(policy.parameters(), { lr: 1e-2 });
  const environment = new CartPole();
  const choose = (state: State): [action: number, logProbability: Tensor] => {
    const probabilities = policy.forward(torch.tensor(state));
    const action = torch.multinomial(probabilities, 1).item();
    return [action, probabilities.at(action).log()];
  };
  return Array.from({ length: episodes }, () => {
    let state = environment.reset();
    const logs: Tensor[] = [];
    const rewards: number[] = [];
    for (let done = false; !done && rewards.length < 60; ) {
      const [action, log] = choose(state);
      logs.push(log);
      const next = environment.step(action);
      rewards.push(next.reward);
      ({ state, done } = next);
    }
    let sum = 0;
    const returns = rewards.reverse().map((reward) => {
      sum = reward + 0.99 * sum;
      return sum;
    });
    const wanted = torch.tensor(returns.reverse());
    const advantage = wanted.sub(wanted.mean()).div(wanted.std().add(1e-8));
    const loss = torch.stack(logs).mul(advantage).sum().neg();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
