import data
import torch
import torch.nn.functional as F
from torch import nn, optim


class SuperResolution(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 8, 3, padding=1)
        self.conv4 = nn.Conv2d(8, factor**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(factor)
        for conv in (self.conv1, self.conv2, self.conv3):
            nn.init.orthogonal_(conv.weight, nn.init.calculate_gain('relu'))
        nn.init.orthogonal_(self.conv4.weight)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.relu(self.conv3(x))
        return self.shuffle(self.conv4(x))


def train(steps):
    images, _ = data.pictures(16, 1, 16)
    small = F.interpolate(images, scale_factor=0.5, mode='bilinear')
    torch.manual_seed(0)
    model = SuperResolution(2)
    criterion = nn.MSELoss()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for step in range(steps):
        at = slice(4 * (step % 4), 4 * (step % 4) + 4)
        optimizer.zero_grad()
        loss = criterion(model(small[at]), images[at])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
