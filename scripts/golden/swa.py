"""Averages of weights, running statistics computed anew and rates of SWALR, as torch.optim.swa_utils makes them."""

import torch
from torch.optim import swa_utils

import _encode

STEPS = 5
WAYS = {
    'mean': {},
    'mean, in place': {'multi_avg_fn': swa_utils.get_swa_multi_avg_fn()},
    'exponential': {'avg_fn': swa_utils.get_ema_avg_fn(0.75)},
    'exponential, in place, buffers': {'multi_avg_fn': swa_utils.get_ema_multi_avg_fn(0.75), 'use_buffers': True},
    'mean, buffers': {'use_buffers': True},
}
RATES = {
    'cos': {'swa_lr': 0.05, 'anneal_epochs': 4},
    'linear': {'swa_lr': [0.5, 0.125], 'anneal_epochs': 3, 'anneal_strategy': 'linear'},
    'at once': {'swa_lr': 0.05, 'anneal_epochs': 0},
}


def batches() -> list[torch.Tensor]:
    return [torch.linspace(-1, 1, 12).mul(t + 1).sin().reshape(4, 3) for t in range(STEPS)]


def average(options: dict) -> dict:
    """A model of two layers with BatchNorm, trained for a few steps, and its average."""
    torch.manual_seed(5)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    averaged = swa_utils.AveragedModel(model, **options)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for x in batches():
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()
        averaged.update_parameters(model)
    state = {k: _encode.tensor(v) for k, v in averaged.state_dict().items()}
    swa_utils.update_bn([(x,) for x in batches()], averaged)
    after = {k: _encode.tensor(v) for k, v in averaged.state_dict().items() if 'running' in k or 'num_batches' in k}
    return {'state': state, 'after': after}


def rates(options: dict) -> list:
    params = [torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)]
    optimizer = torch.optim.SGD([{'params': [params[0]]}, {'params': [params[1]], 'lr': 0.25}], lr=1.0)
    scheduler = swa_utils.SWALR(optimizer, **options)
    out = [[g['lr'] for g in optimizer.param_groups]]
    for _ in range(8):
        optimizer.step()
        scheduler.step()
        out.append([g['lr'] for g in optimizer.param_groups])
    return out


def generate(out_dir) -> None:
    value = {
        'averages': {name: average(options) for name, options in WAYS.items()},
        'rates': {name: {'options': {_encode.camel(k): v for k, v in o.items()}, 'rates': rates(o)} for name, o in RATES.items()},
    }
    _encode.write(out_dir / 'swa.json', value)
