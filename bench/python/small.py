"""Operators, small networks and counts of tensors: what the sections beside `step` compare with."""

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
    return {'operators': operators, 'networks': networks, 'demo': demo, 'tensors': tensors}[what](**options)
