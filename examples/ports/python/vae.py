import data
import torch
import torch.nn.functional as F
from torch import nn, optim


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 64)
        self.mean = nn.Linear(64, 8)
        self.log_variance = nn.Linear(64, 8)
        self.back = nn.Linear(8, 64)
        self.out = nn.Linear(64, 784)

    def forward(self, x):
        h = F.relu(self.hidden(x))
        mean = self.mean(h)
        log_variance = self.log_variance(h)
        z = torch.randn_like(mean) * (0.5 * log_variance).exp() + mean
        return self.out(F.relu(self.back(z))).sigmoid(), mean, log_variance


def train(steps):
    images, _ = data.pictures(32, 1, 28)
    flat = images.clamp(max=1).flatten(1)
    torch.manual_seed(0)
    model = VAE()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for step in range(steps):
        batch = flat[8 * (step % 4) :][:8]
        reconstruction, mean, log_variance = model(batch)
        error = F.binary_cross_entropy(reconstruction, batch, reduction='sum')
        divergence = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum()
        loss = error + divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
