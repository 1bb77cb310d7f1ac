import math

import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

STEPS = 50


def moons(n):
    g = torch.Generator().manual_seed(3)
    angle = math.pi * torch.rand(n, generator=g)
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], dim=1)
    choice = torch.rand(n, 1, generator=g) < 0.5
    return torch.where(choice, upper, lower) + 0.05 * torch.randn(n, 2, generator=g)


class TimeEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        half = dim // 2
        self.register_buffer('frequencies', torch.exp(-math.log(1e4) * torch.arange(half) / (half - 1)), persistent=False)

    def forward(self, t):
        angles = t[:, None] * self.frequencies[None]
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.scale_shift = nn.Linear(dim, 2 * dim)
        self.linear = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, t):
        scale, shift = self.scale_shift(t).chunk(2, dim=-1)
        h = self.norm(x) * (1 + scale) + shift
        return x + self.dropout(F.silu(self.linear(h)))


class Denoiser(nn.Module):
    def __init__(self, dim=32, depth=3):
        super().__init__()
        self.time = nn.Sequential(TimeEmbedding(dim), nn.Linear(dim, dim), nn.SiLU())
        self.enter = nn.Linear(2, dim)
        self.blocks = nn.ModuleList([Block(dim) for _ in range(depth)])
        self.leave = nn.Linear(dim, 2)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x, t):
        t = self.time(t)
        x = self.enter(x)
        for block in self.blocks:
            x = block(x, t)
        return self.leave(x)


class Diffusion(nn.Module):
    def __init__(self):
        super().__init__()
        betas = torch.linspace(1e-4, 0.05, STEPS)
        self.register_buffer('betas', betas)
        self.register_buffer('kept', torch.cumprod(1 - betas, dim=0))

    def noisy(self, x, t, noise):
        kept = self.kept[t].unsqueeze(-1)
        return kept.sqrt() * x + (1 - kept).sqrt() * noise

    @torch.no_grad()
    def sample(self, model, n):
        x = torch.randn(n, 2)
        for step in reversed(range(STEPS)):
            t = torch.full((n,), step, dtype=torch.long)
            noise = model(x, t)
            beta, kept = self.betas[step], self.kept[step]
            x = (x - beta / (1 - kept).sqrt() * noise) / (1 - beta).sqrt()
            if step > 0:
                x += beta.sqrt() * torch.randn_like(x)
        return x


def train(steps):
    points = moons(256)
    torch.manual_seed(0)
    model, diffusion = Denoiser(), Diffusion()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    optimizer = optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    losses = []
    for step in range(steps):
        x = points[32 * (step % 8) :][:32]
        t = torch.randint(0, STEPS, (x.size(0),))
        noise = torch.randn_like(x)
        loss = F.mse_loss(model(diffusion.noisy(x, t, noise), t), noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        average.update_parameters(model)
        losses.append(loss.item())
    average.eval()
    made = diffusion.sample(average, 16)
    return losses + made.mean(dim=0).tolist() + made.std(dim=0).tolist()
