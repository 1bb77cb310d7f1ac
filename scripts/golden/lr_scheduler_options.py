"""What every number does to every option of torch's schedulers: the rates of 12 epochs, or null where PyTorch refuses or fails."""

import math

import torch
from _encode import write

NUMBERS = [-2, -0.5, 0, 0.25, 0.5, 1, 1.5, 2, 3, 30, 1e6, math.inf]
INTEGERS = [-2, 0, 1, 2, 3, 30, 10**6]
STEPS = 12

# The scheduler, what it must be given, and its other options with the numbers to try.
SCHEDULERS = [
    ('StepLR', {'stepSize': 3}, {'stepSize': INTEGERS, 'gamma': NUMBERS}),
    ('MultiStepLR', {'milestones': [3, 5]}, {'gamma': NUMBERS}),
    ('ConstantLR', {}, {'factor': NUMBERS, 'totalIters': INTEGERS}),
    ('LinearLR', {}, {'startFactor': NUMBERS, 'endFactor': NUMBERS, 'totalIters': INTEGERS}),
    ('ExponentialLR', {'gamma': 0.9}, {'gamma': NUMBERS}),
    ('PolynomialLR', {}, {'totalIters': INTEGERS, 'power': NUMBERS}),
    ('CosineAnnealingLR', {'TMax': 5}, {'TMax': INTEGERS, 'etaMin': NUMBERS}),
    ('CosineAnnealingWarmRestarts', {'T0': 4}, {'T0': INTEGERS, 'TMult': INTEGERS, 'etaMin': NUMBERS}),
    (
        'CyclicLR',
        {'baseLr': 0.1, 'maxLr': 0.5, 'stepSizeUp': 3},
        {
            **dict.fromkeys(['baseLr', 'maxLr', 'stepSizeUp', 'stepSizeDown', 'baseMomentum', 'maxMomentum'], NUMBERS),
            'gamma': NUMBERS,
        },
    ),
    ('CyclicLR', {'baseLr': 0.1, 'maxLr': 0.5, 'stepSizeUp': 3, 'mode': 'exp_range'}, {'gamma': NUMBERS}),
    (
        'CyclicLR',
        {'baseLr': 0.1, 'maxLr': 0.5, 'stepSizeUp': 3, 'mode': 'exp_range', 'cycleMomentum': False},
        {'gamma': NUMBERS},
    ),
    (
        'OneCycleLR',
        {'maxLr': 0.5, 'totalSteps': 20},
        {
            'totalSteps': INTEGERS,
            **dict.fromkeys(
                ['maxLr', 'pctStart', 'divFactor', 'finalDivFactor', 'baseMomentum', 'maxMomentum'], NUMBERS
            ),
        },
    ),
    (
        'ReduceLROnPlateau',
        {'patience': 1},
        {
            **dict.fromkeys(['factor', 'threshold', 'minLr', 'eps'], NUMBERS),
            **dict.fromkeys(['patience', 'cooldown'], INTEGERS),
        },
    ),
]
NAMES = {'TMax': 'T_max', 'T0': 'T_0', 'TMult': 'T_mult'}


def snake(name):
    return NAMES.get(name) or ''.join('_' + c.lower() if c.isupper() else c for c in name)


def run(kind, options):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5, momentum=0.9)
    try:
        scheduler = getattr(torch.optim.lr_scheduler, kind)(optimizer, **{snake(k): v for k, v in options.items()})
        rows = []
        for step in range(STEPS):
            optimizer.step()
            group = optimizer.param_groups[0]
            rows.append([group['lr'], group['momentum']])
            scheduler.step(*([step % 3] if kind == 'ReduceLROnPlateau' else []))
    except (ValueError, TypeError, ZeroDivisionError, OverflowError):
        return None
    return rows if all(isinstance(x, (int, float)) and 0 <= x < math.inf for row in rows for x in row) else None


def said(value):
    return 'inf' if value == math.inf else value


def generate(out_dir):
    table = []
    for kind, given, tried in SCHEDULERS:
        for option, values in tried.items():
            for value in values:
                rates = run(kind, {**given, option: value})
                table.append([kind, given, option, said(value), rates])
    write(out_dir / 'lr-scheduler-options.json', table)
