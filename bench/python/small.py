"""Operators, small networks and counts of tensors: what the sections beside `step` compare with."""

import pathlib
import sys

import torch
from torch import nn

cases = {}


def numbers(x):
    return x.flatten().tolist()


def operators():
    torch.manual_seed(0)
    a, b = torch.randn(4), torch.randn(4)
    m, n = torch.randn(2, 2), torch.randn(2, 2)
    cases.update({
        'add': lambda: a.add(b),
        'matmul': lambda: m.matmul(n),
        'view': lambda: a.view(2, 2),
        'sum': lambda: a.sum(),
    })
    return {name: numbers(run()) for name, run in cases.items()}


class RowReader(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.RNN(28, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 10)
        nn.init.orthogonal_(self.rnn.weight_hh_l0)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.head(states.select(1, -1))


def seeded(make):
    torch.manual_seed(0)
    return make()


def networks():
    """Training steps with PyTorch's default optimizer and, `name, fused`, with the fused one."""

    def linear():
        return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def training(model, criterion, x, y, fused):
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=fused)

        def step():
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
            return loss

        return step

    def backward():
        loss = squares(mlp(x), y)
        loss.backward()
        return loss

    mlp, squares = seeded(linear), nn.MSELoss()
    x, y = seeded(lambda: (torch.randn(1, 10), torch.randn(1, 1)))
    rows = seeded(lambda: (torch.randn(8, 10, 28), torch.randint(10, (8,))))
    cases['backward'] = backward
    for suffix, fused in ('', None), (', fused', True):
        cases[f'mlp{suffix}'] = training(seeded(linear), squares, x, y, fused)
        cases[f'rnn{suffix}'] = training(seeded(lambda: RowReader(32)), nn.CrossEntropyLoss(), *rows, fused)
    return {name: [run().item() for _ in range(3)] for name, run in cases.items()}


def demo(images, labels):
    """An epoch of examples/demo; the files hold float32 rows and int64 labels."""
    y = torch.from_file(labels, size=8000, dtype=torch.int64)
    x = torch.from_file(images, size=8000 * 28 * 28).view(-1, 28, 28)
    model, criterion = seeded(lambda: RowReader(128)), nn.CrossEntropyLoss()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=100, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def run():
        losses, norms = [], []
        for a, b in loader:
            optimizer.zero_grad()
            loss = criterion(model(a), b)
            loss.backward()
            norms.append(nn.utils.get_total_norm([p.grad for p in model.parameters()]).item())
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            losses.append(loss.item())
        return losses, norms

    cases['epoch'] = run
    losses, norms = run()
    return {'epoch': losses[:3] + norms[:3]}


def ports():
    """Training steps of models of examples/ports, larger than in their tests."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'examples/ports/python'))
    import data
    import gpt
    import mnist
    import word_lstm

    F = nn.functional
    text = data.words(20_000, 64)

    def rows(at, count, length):
        return torch.stack([text[at + i * length :][:length] for i in range(count)])

    def step(optimizer, loss_of, model=None):
        def run():
            optimizer.zero_grad()
            loss = loss_of()
            loss.backward()
            if model is not None:
                nn.utils.clip_grad_norm_(model.parameters(), model.max_norm)
            optimizer.step()
            return loss

        return run

    big = seeded(lambda: gpt.GPT(64, 64, 4, 4, 128, 0.0))
    big.max_norm = 1.0
    tokens, target = rows(0, 8, 64), rows(1, 8, 64).flatten()
    cases['gpt'] = step(gpt.optimizer_of(big), lambda: F.cross_entropy(big(tokens).flatten(0, 1), target), big)

    cnn = seeded(mnist.Net).eval()
    images, labels = seeded(lambda: (torch.rand(64, 1, 28, 28), torch.randint(0, 10, (64,))))
    cases['cnn'] = step(torch.optim.Adadelta(cnn.parameters(), lr=1), lambda: F.nll_loss(cnn(images), labels))

    lstm = seeded(lambda: word_lstm.WordModel(64, 200)).eval()
    lstm.max_norm = 0.25
    state = lstm.begin(20)
    words, wanted = rows(0, 20, 35).t().contiguous(), rows(1, 20, 35).t().reshape(-1)
    optimizer = torch.optim.SGD(lstm.parameters(), lr=1)
    cases['lstm'] = step(optimizer, lambda: F.nll_loss(lstm(words, state)[0], wanted), lstm)
    return {name: [cases[name]().item() for _ in range(3)] for name in ('gpt', 'cnn', 'lstm')}


def tensors(count, size, grads=True):
    """Norm clip and fused AdamW over `count` tensors."""
    params = [torch.randn(size, requires_grad=True) for _ in range(count)]
    for p in params:
        p.grad = torch.randn(size) if grads else None
    optimizer = torch.optim.AdamW(params, fused=True)

    def step():
        nn.utils.clip_grad_norm_(params, 1)
        optimizer.step()

    cases['tensors'] = step
    return {}


def make(what, **options):
    """What the first calls of each case come to, which the other side is held to."""
    return {'operators': operators, 'networks': networks, 'demo': demo, 'ports': ports, 'tensors': tensors}[what](**options)
