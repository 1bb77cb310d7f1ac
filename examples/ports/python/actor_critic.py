import torch
import torch.nn.functional as F
from cart_pole import CartPole
from torch import nn, optim


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(4, 32)
        self.actor = nn.Linear(32, 2)
        self.critic = nn.Linear(32, 1)

    def forward(self, x):
        h = F.relu(self.shared(x))
        return F.softmax(self.actor(h), -1), self.critic(h)


def train(episodes):
    torch.manual_seed(0)
    model = ActorCritic()
    optimizer = optim.Adam(model.parameters(), lr=3e-2)
    environment = CartPole()
    losses = []
    for _ in range(episodes):
        state, done, seen, rewards = environment.reset(), False, [], []
        while not done and len(seen) < 60:
            probabilities, value = model(torch.tensor(state))
            action = torch.multinomial(probabilities, 1).item()
            seen.append((probabilities[action].log(), value))
            state, reward, done = environment.step(action)
            rewards.append(reward)
        total, returns = 0.0, []
        for reward in reversed(rewards):
            total = reward + 0.99 * total
            returns.insert(0, total)
        raw = torch.tensor(returns)
        wanted = (raw - raw.mean()) / (raw.std() + 1e-8)
        parts = []
        for (log, value), want in zip(seen, wanted):
            advantage = want.item() - value.item()
            parts.append(log * -advantage + F.smooth_l1_loss(value, want.view(1)))
        loss = torch.stack(parts).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
