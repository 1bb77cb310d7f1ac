import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

PAD, BOS, EOS, WORDS = 0, 1, 2, 12


def pairs(n):
    """Sentences of 3 to 8 words, and the same backwards."""
    g = torch.Generator().manual_seed(4)
    result = []
    for _ in range(n):
        length = torch.randint(3, 9, (1,), generator=g).item()
        words = torch.randint(3, WORDS, (length,), generator=g)
        source = torch.cat([words, torch.tensor([EOS])])
        target = torch.cat([torch.tensor([BOS]), words.flip(0), torch.tensor([EOS])])
        result.append((source, target))
    return result


def collate(batch):
    sources, targets = zip(*batch)
    lengths = torch.tensor([len(s) for s in sources])
    return (
        pad_sequence(sources, batch_first=True, padding_value=PAD),
        lengths,
        pad_sequence(targets, batch_first=True, padding_value=PAD),
    )


class Encoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, dim, padding_idx=PAD)
        self.rnn = nn.GRU(dim, dim, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * dim, dim)

    def forward(self, source, lengths):
        packed = pack_padded_sequence(self.embedding(source), lengths, batch_first=True, enforce_sorted=False)
        outputs, hidden = self.rnn(packed)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True)
        hidden = torch.tanh(self.bridge(torch.cat([hidden[-2], hidden[-1]], dim=1)))
        return outputs, hidden


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(2 * dim, dim, bias=False)
        self.energy = nn.Linear(dim, 1, bias=False)

    def forward(self, hidden, outputs, mask):
        energy = self.energy(torch.tanh(self.query(hidden).unsqueeze(1) + self.key(outputs))).squeeze(-1)
        weights = F.softmax(energy.masked_fill(~mask, float('-inf')), dim=-1)
        return torch.bmm(weights.unsqueeze(1), outputs).squeeze(1)


class Decoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, dim, padding_idx=PAD)
        self.attention = Attention(dim)
        self.cell = nn.GRUCell(3 * dim, dim)
        self.out = nn.Linear(dim, WORDS)

    def forward(self, word, hidden, outputs, mask):
        context = self.attention(hidden, outputs, mask)
        hidden = self.cell(torch.cat([self.embedding(word), context], dim=-1), hidden)
        return self.out(hidden), hidden


class Seq2Seq(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.encoder = Encoder(dim)
        self.decoder = Decoder(dim)
        for name, parameter in self.named_parameters():
            if 'weight_hh' in name:
                nn.init.orthogonal_(parameter)

    def forward(self, source, lengths, target, teacher_forcing=0.5):
        outputs, hidden = self.encoder(source, lengths)
        mask = source != PAD
        word = target[:, 0]
        scores = []
        for t in range(1, target.size(1)):
            score, hidden = self.decoder(word, hidden, outputs, mask)
            scores.append(score)
            word = target[:, t] if torch.rand(1).item() < teacher_forcing else score.argmax(dim=1)
        return torch.stack(scores, dim=1)


def train(steps):
    data = pairs(64)
    torch.manual_seed(0)
    model = Seq2Seq()
    criterion = nn.CrossEntropyLoss(ignore_index=PAD, label_smoothing=0.1)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    losses = []
    for step in range(steps):
        start = 8 * (step % 8)
        source, lengths, target = collate(data[start : start + 8])
        scores = model(source, lengths, target)
        loss = criterion(scores.flatten(0, 1), target[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        scheduler.step(loss.item())
        losses.append(loss.item())
    return losses
