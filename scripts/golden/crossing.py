"""State dicts of torch.optim after some steps, and the parameters before and after the steps that follow."""

import torch
from _encode import tensor, write
from optimizers.layout import GROUPS, gradient, initial

TAKEN, MORE = 4, 6
CASES = {
    'SGD': {'lr': 0.05, 'momentum': 0.9, 'dampening': 0.1, 'weight_decay': 0.01},
    'Adam': {'lr': 0.01, 'amsgrad': True, 'weight_decay': 0.01},
    'AdamW': {'lr': 0.01, 'betas': (0.85, 0.97), 'maximize': True},
    'Adagrad': {'lr': 0.1, 'lr_decay': 0.05, 'initial_accumulator_value': 0.5},
    'Adadelta': {'lr': 1, 'rho': 0.8},
    'Adamax': {'lr': 0.01},
    'RMSprop': {'lr': 0.01, 'momentum': 0.9, 'centered': True},
    'NAdam': {'lr': 0.01, 'momentum_decay': 0.1, 'decoupled_weight_decay': True, 'weight_decay': 0.1},
    'RAdam': {'lr': 0.01, 'betas': (0.8, 0.95)},
    'ASGD': {'lr': 0.05, 'lambd': 0.5, 't0': 2},
    'Rprop': {'lr': 0.01, 'etas': (0.7, 1.3)},
    'Adafactor': {'lr': 0.05, 'd': 1.5, 'weight_decay': 0.1},
}


def plain(value):
    if isinstance(value, torch.Tensor):
        return tensor(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def run(name, options, taken):
    params = [
        [torch.tensor([initial(i) for i in range(part.start, part.stop)]).double().view(shape) for part, shape in group]
        for group in GROUPS
    ]
    # The last group has its own rate.
    groups = [{'params': group} for group in params]
    groups[-1]['lr'] = options['lr'] / 2
    optimizer = getattr(torch.optim, name)(groups, **options)
    flat = lambda: torch.cat([p.flatten() for group in params for p in group]).tolist()

    def steps(first, last):
        for t in range(first, last + 1):
            for group, parts in zip(params, GROUPS):
                for p, (part, shape) in zip(group, parts):
                    g = [gradient(t, i) for i in range(part.start, part.stop)]
                    p.grad = torch.tensor(g).double().view(shape)
            optimizer.step()

    steps(1, taken)
    saved = {'stateDict': plain(optimizer.state_dict()), 'before': flat()}
    steps(taken + 1, taken + MORE)
    return {'optimizer': name, 'steps': [taken, taken + MORE], **saved, 'after': flat()}


def generate(out_dir):
    cases = {name: run(name, options, TAKEN) for name, options in CASES.items()}
    cases['Adagrad before its first step'] = run('Adagrad', CASES['Adagrad'], 0)
    write(out_dir / 'crossing.json', cases)
