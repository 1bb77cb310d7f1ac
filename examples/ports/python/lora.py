import math

import data
import torch
import torch.nn.functional as F
from torch import nn, optim


class LoRALinear(nn.Linear):
    def __init__(self, base, rank, alpha):
        super().__init__(base.in_features, base.out_features)
        self.weight, self.bias = base.weight, base.bias
        self.lora_a = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        self.scale = alpha / rank

    def forward(self, x):
        return super().forward(x) + x @ self.lora_a.t() @ self.lora_b.t() * self.scale

    def merged(self):
        layer = nn.Linear(self.in_features, self.out_features)
        layer.weight = nn.Parameter(self.weight.detach() + (self.lora_b @ self.lora_a * self.scale).detach())
        layer.bias = self.bias
        return layer


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 16)
        self.query = nn.Linear(16, 16)
        self.value = nn.Linear(16, 16)
        self.key = nn.Linear(16, 16)
        self.head = nn.Linear(16, 12)

    def forward(self, tokens):
        x = self.embed(tokens)
        return self.head(F.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x), is_causal=True) + x)


def train(steps):
    text = data.words(200, 12)
    torch.manual_seed(0)
    model = Model().requires_grad_(False)
    model.query = LoRALinear(model.query, 2, 4)
    model.value = LoRALinear(model.value, 2, 4)
    optimizer = optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)

    def loss_at(step):
        window = text[8 * step :][:33]
        return F.cross_entropy(model(window[:32].view(4, 8)).flatten(0, 1), window[1:])

    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_at(step % 20)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.query, model.value = model.query.merged(), model.value.merged()
    return [*losses, loss_at(0).item()]
