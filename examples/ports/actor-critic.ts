// Actor and critic on shared layers: the critic's value is what the actor's outcome is compared with.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { CartPole } from './cart-pole.js';

const F = nn.functional;

export class ActorCritic extends nn.Module {
  shared = new nn.Linear(4, 32);
  actor = new nn.Linear(32, 2);
  critic = new nn.Linear(32, 1);

  override forward(x: Tensor): [probabilities: Tensor, value: Tensor] {
    const h = F.relu(this.shared.forward(x));
    return [F.softmax(this.actor.forward(h), -1), this.critic.forward(h)];
  }
}

/** The loss of each episode. */
export function train(episodes: number): number[] {
  torch.manualSeed(0);
  const model = new ActorCritic();
  const optimizer = new optim.Adam(model.parameters(), { lr: 3e-2 });
  const environment = new CartPole();
  return Array.from({ length: episodes }, () => {
    let state = environment.reset();
    const seen: { log: Tensor; value: Tensor; reward: number }[] = [];
    for (let done = false; !done && seen.length < 60; ) {
      const [probabilities, value] = model.forward(torch.tensor(state));
      const action = torch.multinomial(probabilities, 1).item();
      const next = environment.step(action);
      seen.push({ log: probabilities.at(action).log(), value, reward: next.reward });
      ({ state, done } = next);
    }
    let sum = 0;
    const returns = [...seen].reverse().map(({ reward }) => {
      sum = reward + 0.99 * sum;
      return sum;
    });
    const raw = torch.tensor(returns.reverse());
    const wanted = raw.sub(raw.mean()).div(raw.std().add(1e-8));
    const parts = seen.map(({ log, value }, i) => {
      const advantage = wanted.at(i).item() - value.item();
      return log.mul(-advantage).add(F.smoothL1Loss(value, wanted.at(i).view(1)));
    });
    const loss = torch.stack(parts).sum();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}
