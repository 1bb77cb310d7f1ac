"""One rank of PyTorch's: collectives, and training steps, as in node/ranks.ts."""

import os
import pathlib
import sys
import time

import torch
import torch.distributed as dist
from serve import serve
from torch import nn
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'examples/ports/python'))

RANK, SIZE = int(os.environ['RANK']), int(os.environ['WORLD_SIZE'])
cases = {}


def seeded(seed, make):
    torch.manual_seed(seed)
    return make()


def join(path):
    dist.init_process_group('gloo', init_method=f'file://{path}', rank=RANK, world_size=SIZE)


def collectives():
    first = {}
    for name, n in ('small', 4), ('large', 25_000_000):
        t = torch.full((n,), RANK, dtype=torch.float32)
        cases[name] = lambda t=t: dist.all_reduce(t, op=dist.ReduceOp.AVG)
        cases[name]()
        first[name] = [t.mean().item()]
    cases['barrier'] = dist.barrier
    return first


def losses(name):
    """The losses of a case's first steps, over all ranks."""
    result = []
    for _ in range(3):
        loss = cases[name]().detach().clone()
        dist.all_reduce(loss, op=dist.ReduceOp.AVG)
        result.append(loss.item())
    return result


def training(model, optimizer, loss_of):
    def step():
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        return loss

    return step


def mlp():
    def make():
        layers = nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
        return DistributedDataParallel(nn.Sequential(*layers))

    x, y = seeded(1 + RANK, lambda: (torch.randn(64, 784), torch.randint(10, (64,))))

    def loss_of(model):
        return cross_entropy(model(x), y)

    passed = seeded(0, make)

    def backward():
        passed.zero_grad()
        loss = loss_of(passed)
        loss.backward()
        return loss

    cases['backward'] = backward
    for suffix, fused in ('', None), (', fused', True):
        model = seeded(0, make)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=fused)
        cases[f'mlp{suffix}'] = training(model, optimizer, loss_of)
    return {name: losses(name) for name in ('backward', 'mlp', 'mlp, fused')}


def gpt(kind):
    """With PyTorch's ordinary optimizer, or with shares of its state."""
    import data
    from gpt import GPT

    text = data.words(20_000, 64)

    def rows(shift):
        return torch.stack([text[shift + (2 * RANK + i) * 64 :][:64] for i in range(2)])

    tokens, target = rows(0), rows(1).flatten()
    for suffix, fused in ('', None), (', fused', True):
        model = seeded(0, lambda: DistributedDataParallel(GPT(64, 64, 8, 8, 512, 0.0)))
        big, small = [[p for p in model.parameters() if (p.ndim >= 2) == wide] for wide in (True, False)]
        groups = [{'params': big, 'weight_decay': 0.1}, {'params': small, 'weight_decay': 0}]
        options = {'lr': 1e-4, 'betas': (0.9, 0.95), 'fused': fused}
        if kind == 'gpt':
            optimizer = torch.optim.AdamW(groups, **options)
        else:
            optimizer = ZeroRedundancyOptimizer(groups, torch.optim.AdamW, **options)
        cases[f'{kind}{suffix}'] = training(
            model, optimizer, lambda model: cross_entropy(model(tokens).flatten(0, 1), target)
        )
    return {name: losses(name) for name in (kind, f'{kind}, fused')}


def time_calls(name, iterations, untimed=1):
    run = cases[name]
    for _ in range(untimed):
        run()
    start = time.perf_counter()
    for _ in range(iterations):
        run()
    return time.perf_counter() - start


serve({
    'join': join,
    'make': lambda what: {
        'collectives': collectives,
        'mlp': mlp,
        'gpt': lambda: gpt('gpt'),
        'sharded': lambda: gpt('sharded'),
    }[what](),
    'time': time_calls,
})
