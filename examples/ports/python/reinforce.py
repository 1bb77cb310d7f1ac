import torch
from cart_pole import CartPole
from torch import nn, optim


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.dropout = nn.Dropout(0.4)
        self.affine2 = nn.Linear(32, 2)

    def forward(self, x):
        return self.affine2(self.dropout(self.affine1(x)).relu()).softmax(-1)


def train(episodes):
    torch.manual_seed(0)
    policy = Policy()
    optimizer = optim.Adam(policy.parameters(), lr=1e-2)
    environment = CartPole()
    losses = []
    for _ in range(episodes):
        state, done, logs, rewards = environment.reset(), False, [], []
        while not done and len(rewards) < 60:
            probabilities = policy(torch.tensor(state))
            action = torch.multinomial(probabilities, 1).item()
            logs.append(probabilities[action].log())
            state, reward, done = environment.step(action)
            rewards.append(reward)
        total, returns = 0.0, []
        for reward in reversed(rewards):
            total = reward + 0.99 * total
            returns.insert(0, total)
        wanted = torch.tensor(returns)
        advantage = (wanted - wanted.mean()) / (wanted.std() + 1e-8)
        loss = -(torch.stack(logs) * advantage).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
