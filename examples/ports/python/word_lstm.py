import data
import torch
import torch.nn.functional as F
from torch import nn


class WordModel(nn.Module):
    def __init__(self, vocabulary=20, width=16):
        super().__init__()
        self.vocabulary, self.width = vocabulary, width
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(vocabulary, width)
        self.rnn = nn.LSTM(width, width, 2, dropout=0.2)
        self.decoder = nn.Linear(width, vocabulary)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, input, state):
        output, state = self.rnn(self.drop(self.encoder(input)), state)
        return F.log_softmax(self.decoder(self.drop(output)).view(-1, self.vocabulary), 1), state

    def begin(self, batch):
        weight = self.encoder.weight
        return weight.new_zeros(2, batch, self.width), weight.new_zeros(2, batch, self.width)


def train(steps):
    text = data.columns(data.words(600, 20), 4)
    window = 7
    torch.manual_seed(0)
    model = WordModel()
    state = model.begin(4)
    losses = []
    for step in range(steps):
        i = step * window
        model.zero_grad()
        output, state = model(text[i : i + window], tuple(s.detach() for s in state))
        loss = F.nll_loss(output, text[i + 1 : i + 1 + window].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(p.grad, alpha=-5)
        losses.append(loss.item())
    return losses
