"""The defaults of torch.optim's optimizers, what they refuse and with which words, and how they update complex parameters."""

import torch
from _encode import tensor, write

BETAS = [{'betas': (-0.5, 0.9)}, {'betas': (0.9, 1.5)}]
ADAM = [{'eps': -1}, {'weight_decay': -1}, *BETAS]
REFUSED = {
    'SGD': [{'momentum': -1}, {'weight_decay': -1}],
    'Adam': ADAM,
    'AdamW': ADAM,
    'Adagrad': [{'lr_decay': -1}, {'weight_decay': -1}, {'initial_accumulator_value': -1}, {'eps': -1}],
    'Adadelta': [{'rho': -1}, {'rho': 1.5}, {'eps': -1}, {'weight_decay': -1}],
    'Adamax': ADAM,
    'RMSprop': [{'eps': -1}, {'momentum': -1}, {'weight_decay': -1}, {'alpha': -1}],
    'NAdam': [*ADAM, {'momentum_decay': -1}],
    'RAdam': ADAM,
    'ASGD': [{'weight_decay': -1}],
    'Rprop': [{'etas': (1.5, 1.2)}, {'etas': (0.5, 0.9)}],
    'Adafactor': [{'beta2_decay': 1}, {'eps': (-1, 1)}, {'eps': (None, -1)}, {'d': 0.5}, {'weight_decay': -1}],
    'Muon': [{'momentum': -1}, {'weight_decay': -1}, {'adjust_lr_fn': 'mine'}],
}
# Of the parameter, by default a vector.
SHAPES = {'Muon': [2, 2]}
REAL_ONLY = {'Adafactor', 'Muon'}
# What the parameter must be part of.
OPTIONS = {
    'Adagrad': {'initial_accumulator_value': 0.5},
    'RMSprop': {'centered': True, 'momentum': 0.9},
    'SGD': {'momentum': 0.9},
}


def refusal(kind, shape, options):
    try:
        kind([torch.zeros(shape)], **options)
    except ValueError as error:
        return str(error)
    raise AssertionError(f'{kind} takes {options}')


def complex_run(kind, options):
    start, *gradients = torch.randn([6, 4], dtype=torch.complex128, generator=torch.Generator().manual_seed(3))
    p = start.clone()
    optimizer = kind([p], lr=0.1, **options)
    for g in gradients:
        p.grad = g.clone()
        optimizer.step()
    return {'options': options, 'start': tensor(start), 'gradients': [tensor(g) for g in gradients], 'after': tensor(p)}


def generate(out_dir):
    out = {}
    for name, refused in REFUSED.items():
        kind = getattr(torch.optim, name)
        shape = SHAPES.get(name, [2])
        out[name] = {
            'shape': shape,
            'defaults': kind([torch.zeros(shape)]).defaults,
            'refused': [[options, refusal(kind, shape, options)] for options in [{'lr': -1}, *refused]],
        }
        if name not in REAL_ONLY:
            out[name]['complex'] = complex_run(kind, OPTIONS.get(name, {}))
    write(out_dir / 'optimizer-arguments.json', out)
