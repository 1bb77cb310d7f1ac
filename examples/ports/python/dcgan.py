import data
import torch
from torch import nn, optim

LATENT = 8


def generator():
    return nn.Sequential(
        nn.ConvTranspose2d(LATENT, 16, 4, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def discriminator():
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8, 16, 4, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(16, 1, 4, bias=False),
        nn.Sigmoid(),
        nn.Flatten(0),
    )


def initialise(module):
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)
        nn.init.zeros_(module.bias)


def train(steps):
    images, _ = data.pictures(32, 3, 16)
    torch.manual_seed(0)
    makes = generator().apply(initialise)
    judges = discriminator().apply(initialise)
    loss = nn.BCELoss()
    judging = optim.Adam(judges.parameters(), lr=2e-4, betas=(0.5, 0.999))
    making = optim.Adam(makes.parameters(), lr=2e-4, betas=(0.5, 0.999))
    real, fake = torch.ones(8), torch.zeros(8)
    losses = []
    for step in range(steps):
        batch = images[8 * (step % 4) :][:8] * 2 - 1
        judging.zero_grad()
        on_real = loss(judges(batch), real)
        on_real.backward()
        made = makes(torch.randn(8, LATENT, 1, 1))
        on_fake = loss(judges(made.detach()), fake)
        on_fake.backward()
        judging.step()

        making.zero_grad()
        fooled = loss(judges(made), real)
        fooled.backward()
        making.step()
        losses += [(on_real + on_fake).item(), fooled.item()]
    return losses
