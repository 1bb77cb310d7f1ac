import math

import data
import torch
import torch.nn.functional as F
from torch import nn, optim

VOCABULARY, WIDTH = 20, 16


class Positions(nn.Module):
    def __init__(self, length=64):
        super().__init__()
        self.dropout = nn.Dropout(0.1)
        table = torch.zeros(length, WIDTH)
        position = torch.arange(length, dtype=torch.get_default_dtype()).unsqueeze(1)
        rate = (torch.arange(0, WIDTH, 2, dtype=torch.get_default_dtype()) * (-math.log(10000) / WIDTH)).exp()
        table[:, 0::2] = (position * rate).sin()
        table[:, 1::2] = (position * rate).cos()
        self.register_buffer('table', table.unsqueeze(1))

    def forward(self, x):
        return self.dropout(x + self.table[: x.size(0)])


class WordTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = Positions()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(WIDTH, 2, 32, 0.1), 2)
        self.decoder = nn.Linear(WIDTH, VOCABULARY)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, input):
        mask = nn.Transformer.generate_square_subsequent_mask(len(input))
        x = self.positions(self.embed(input) * math.sqrt(WIDTH))
        return F.log_softmax(self.decoder(self.encoder(x, mask)), -1)


def train(steps):
    text = data.columns(data.words(600, VOCABULARY), 4)
    window = 7
    torch.manual_seed(0)
    model = WordTransformer()
    optimizer = optim.SGD(model.parameters(), lr=2)
    losses = []
    for step in range(steps):
        i = step * window
        optimizer.zero_grad()
        output = model(text[i : i + window]).view(-1, VOCABULARY)
        loss = F.nll_loss(output, text[i + 1 : i + 1 + window].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        losses.append(loss.item())
    return losses
