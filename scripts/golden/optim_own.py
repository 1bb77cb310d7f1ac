"""Trajectories of the optimizers that take sparse gradients, and of L-BFGS with and without a line search."""

import torch

import _encode

DTYPE = torch.float64
STEPS = 6
# As test/optim/rules/own.test.ts has them.
SPARSE = {
    'SGD': {'lr': 0.5},
    'SGD, momentum': {'lr': 0.25, 'momentum': 0.5},
    'SGD, maximize': {'lr': 0.5, 'maximize': True},
    'Adagrad': {'lr': 0.25, 'lr_decay': 0.125},
    'SparseAdam': {'lr': 0.125},
    'SparseAdam, betas, eps, maximize': {'lr': 0.125, 'betas': (0.5, 0.75), 'eps': 0.5, 'maximize': True},
}
LBFGS = {
    'plain': {'lr': 0.03125, 'max_iter': 4},
    'history': {'lr': 0.03125, 'max_iter': 6, 'history_size': 2},
    'strong Wolfe': {'line_search_fn': 'strong_wolfe', 'max_iter': 5},
    'strong Wolfe, few evaluations': {'line_search_fn': 'strong_wolfe', 'max_iter': 5, 'max_eval': 4, 'lr': 4},
    'strong Wolfe, history': {'line_search_fn': 'strong_wolfe', 'history_size': 1, 'max_iter': 3},
}


def indices(t: int) -> torch.Tensor:
    """Rows of a table of five, with one that comes twice."""
    return torch.tensor([t % 5, (2 * t + 1) % 5, t % 5])


def sparse(name: str, options: dict) -> dict:
    weight = torch.linspace(-1, 1, 15, dtype=DTYPE).reshape(5, 3).requires_grad_()
    optimizer = getattr(torch.optim, name.split(',')[0])([weight], **options)
    out = []
    for t in range(STEPS):
        optimizer.zero_grad()
        rows = torch.nn.functional.embedding(indices(t), weight, sparse=True)
        (rows.pow(2).sum() * (t + 1) / 4).backward()
        optimizer.step()
        out.append(_encode.tensor(weight))
    state = {k: _encode.tensor(v.to_dense()) if isinstance(v, torch.Tensor) else v for k, v in optimizer.state_dict()['state'].get(0, {}).items() if v is not None}
    return {'weights': out, 'state': state}


def lbfgs(options: dict) -> dict:
    x = torch.tensor([-1.5, 2.0], dtype=DTYPE, requires_grad=True)
    y = torch.tensor([[0.5]], dtype=DTYPE, requires_grad=True)
    optimizer = torch.optim.LBFGS([x, y], **options)
    calls = 0

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2 + (y - x[0]).pow(2).sum()
        loss.backward()
        return loss

    points, losses = [], []
    for _ in range(STEPS):
        losses.append(float(optimizer.step(closure).detach()))
        points.append([_encode.tensor(x), _encode.tensor(y)])
    state = optimizer.state_dict()['state'][0]
    return {'points': points, 'losses': losses, 'calls': calls, 'evaluations': state['func_evals'], 'iterations': state['n_iter']}


def camel_options(options: dict) -> dict:
    return {_encode.camel(k): list(v) if isinstance(v, tuple) else v for k, v in options.items()}


def generate(out_dir) -> None:
    value = {
        'sparse': {name: {'options': camel_options(o), **sparse(name, o)} for name, o in SPARSE.items()},
        'lbfgs': {name: {'options': camel_options(o), **lbfgs(o)} for name, o in LBFGS.items()},
    }
    _encode.write(out_dir / 'optim-own.json', value)
