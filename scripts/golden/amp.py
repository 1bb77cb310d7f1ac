"""Dtypes of ops under autocast, a small training loop under it, and the scales, gradients and parameters under GradScaler."""

import torch
from torch.amp import GradScaler

import _encode

OPTIONS = {'init_scale': 1024.0, 'growth_factor': 4.0, 'backoff_factor': 0.25, 'growth_interval': 3}
# Rounds whose gradient is not finite; in the sixth it is the second optimizer's alone.
BAD = {2: (float('inf'), 1.0), 6: (1.0, float('nan')), 7: (float('-inf'), 1.0)}


def scaler_rounds() -> list[dict]:
    """Twelve rounds of two optimizers under one scaler."""
    params = [torch.tensor([1.0, -2.0, 0.5], requires_grad=True), torch.tensor([[3.0], [0.25]], requires_grad=True)]
    optimizers = [torch.optim.SGD([params[0]], lr=0.125, momentum=0.5), torch.optim.AdamW([params[1]], lr=0.01)]
    scaler = GradScaler('cpu', **OPTIONS)
    rounds = []
    for t in range(12):
        factors = BAD.get(t, (1.0, 1.0))
        for o in optimizers:
            o.zero_grad()
        losses = [(p.pow(2) * f).sum() for p, f in zip(params, factors)]
        for scaled in scaler.scale(losses):
            scaled.backward()
        if t % 2:
            scaler.unscale_(optimizers[0])
        for o in optimizers:
            scaler.step(o)
        scaler.update(16.0 if t == 9 else None)
        rounds.append({
            'params': [_encode.tensor(p) for p in params],
            'grads': [_encode.tensor(p.grad) for p in params],
            'state': scaler.state_dict(),
        })
    return rounds


def op_dtypes() -> dict:
    """The result dtype of each op, by the dtype requested."""
    x, w = torch.ones(2, 4, 4), torch.ones(4, 4)
    ops = {
        'matmul': lambda: x.matmul(w),
        'mm': lambda: w.mm(w),
        'linear': lambda: torch.nn.functional.linear(x, w),
        'bmm': lambda: x.bmm(x),
        'add': lambda: w.add(w),
        'addOfHalf': lambda: w.mm(w).add(w),
        'sum': lambda: w.mm(w).sum(),
        'softmax': lambda: w.mm(w).softmax(-1),
        'mseLoss': lambda: torch.nn.functional.mse_loss(w.mm(w), w),
        'double': lambda: w.double().mm(w.double()),
    }
    out = {}
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast('cpu', dtype=dtype):
            out[str(dtype).removeprefix('torch.')] = {name: str(op().dtype).removeprefix('torch.') for name, op in ops.items()}
    return out


def training() -> dict:
    """A linear model with its loss inside of autocast: loss and gradients of three steps."""
    w = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()
    x = torch.linspace(-2, 2, 20).reshape(5, 4)
    y = torch.linspace(0, 1, 15).reshape(5, 3)
    optimizer = torch.optim.SGD([w], lr=0.0625)
    rounds = []
    for _ in range(3):
        optimizer.zero_grad()
        with torch.autocast('cpu', dtype=torch.bfloat16):
            loss = torch.nn.functional.mse_loss(torch.nn.functional.linear(x, w), y)
        loss.backward()
        rounds.append({'loss': _encode.tensor(loss), 'grad': _encode.tensor(w.grad)})
        optimizer.step()
    return {'w': _encode.tensor(w), 'rounds': rounds}


def generate(out_dir) -> None:
    options = {_encode.camel(k): v for k, v in OPTIONS.items()}
    bad = {t: [str(f) for f in factors] for t, factors in BAD.items()}
    value = {'options': options, 'bad': bad, 'scaler': scaler_rounds(), 'dtypes': op_dtypes(), 'training': training()}
    _encode.write(out_dir / 'amp.json', value)
