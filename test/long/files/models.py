"""Models in the middle of their training, as Python saves them: models.py FOLDER

Each file holds the model's and the optimizer's state, the data of the steps that follow, and the losses that PyTorch has in them.
"""

import sys

import torch
from torch import nn
from torch.nn import functional as F

STEPS = 3


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        kept = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + kept)


class ResNet18(nn.Module):
    """torchvision's, with its names."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for i, outputs in enumerate([64, 128, 256, 512]):
            layer = nn.Sequential(Block(inputs, outputs, 1 if i == 0 else 2), Block(outputs, outputs, 1))
            setattr(self, f'layer{i + 1}', layer)
            inputs = outputs
        self.fc = nn.Linear(512, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate='tanh'), nn.Linear(4 * width, width))

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.c_attn(self.ln_1(x)).split(width, 2)
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in parts)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, length, width)
        x = x + self.c_proj(attended)
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    """GPT-2 in small; the embedding is the last layer's weight, too."""

    def __init__(self, vocabulary=101, context=16, width=48, heads=3, layers=2):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.h = nn.ModuleList([Layer(width, heads) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for layer in self.h:
            x = layer(x)
        return self.lm_head(self.ln_f(x))


def write(path, model, optimizer, batches, loss_of):
    def step(x, y):
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    for x, y in batches[:2]:
        step(x, y)
    saved = {'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'batches': batches[2:]}
    torch.save(saved, path)
    torch.save([step(x, y) for x, y in batches[2:]], f'{path}.losses')


folder = sys.argv[1]
torch.manual_seed(0)
torch.set_num_threads(1)
images = [(torch.randn(4, 3, 64, 64), torch.randint(1000, (4,))) for _ in range(2 + STEPS)]
resnet = ResNet18()
write(f'{folder}/resnet18.pt', resnet, torch.optim.SGD(resnet.parameters(), lr=0.01, momentum=0.9), images, F.cross_entropy)
texts = [torch.randint(101, (4, 17)) for _ in range(2 + STEPS)]
gpt = Gpt()
groups = [{'params': [p for p in gpt.parameters() if p.dim() > 1], 'weight_decay': 0.1}, {'params': [p for p in gpt.parameters() if p.dim() == 1], 'weight_decay': 0.0}]
write(
    f'{folder}/gpt.pt',
    gpt,
    torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95)),
    [(t[:, :-1], t[:, 1:]) for t in texts],
    lambda logits, y: F.cross_entropy(logits.flatten(0, 1), y.flatten()),
)
