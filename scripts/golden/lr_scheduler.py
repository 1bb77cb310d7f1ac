"""The learning rates (and momenta) of every scheduler of test/optim/lr-scheduler/cases.json over its steps, and a state dict.

Also the rates of schedulers that are made for groups with a first rate of their own, as after loading a state, and those of a
group that is added later.
"""

import json
import math
import pathlib
import re
import warnings

import torch
from _encode import write

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = json.loads((ROOT / 'test' / 'optim' / 'lr-scheduler' / 'cases.json').read_text())

# The functions that the cases name; test/optim/lr-scheduler/support.ts has the same.
FUNCTIONS = {
    'inverse': lambda epoch: 1 / (1 + 0.1 * epoch),
    'stairs': lambda epoch: 1 if epoch % 9 else 0.8,
}
METRICS = {
    'noisy': lambda t: ((t * 37 + 11) % 101) / 16 + 1,
    'falling': lambda t: 10 / (1 + min(t, 90) / 8) + (t * 29 % 7) / 64,
}


def snake(name):
    return re.sub(r'(?<=[A-Z])\d|(?<!^)[A-Z]', lambda m: '_' + m.group().lower(), name)


def function(value):
    return [FUNCTIONS[name] for name in value] if isinstance(value, list) else FUNCTIONS[value]


def make(spec, optimizer):
    options = {
        snake(k): function(v) if k in ('lrLambda', 'scaleFn') else v for k, v in spec.get('options', {}).items()
    }
    kind = getattr(torch.optim.lr_scheduler, spec['scheduler'])
    if 'parts' not in spec:
        return kind(optimizer, **options)
    parts = [make(part, optimizer) for part in spec['parts']]
    return kind(parts) if kind is torch.optim.lr_scheduler.ChainedScheduler else kind(optimizer, parts, **options)


def plain(value):
    """What JSON can hold; as in JavaScript, an infinite number is null."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def make_optimizer(spec):
    groups = [{'params': [torch.zeros(1, requires_grad=True)], 'lr': lr} for lr in CASES['lrs']]
    if spec.get('optimizer') == 'Adam':
        return torch.optim.Adam(groups)
    return torch.optim.SGD(groups, momentum=spec.get('momentum', 0))


def advance(spec, scheduler, t):
    if 'metric' in spec:
        scheduler.step(METRICS[spec['metric']](t))
    elif 'jump' in spec:
        jump = spec['jump']
        scheduler.step(t * 53 % 211 if jump is True else t * jump)
    else:
        scheduler.step()


def rates(optimizer):
    return [group['lr'] for group in optimizer.param_groups]


def reloaded(spec):
    optimizer = make_optimizer(spec)
    for group in optimizer.param_groups:
        group['initial_lr'] = 2 * group['lr']
    scheduler = make(spec, optimizer)
    seen = [rates(optimizer)]
    for t in range(1, CASES['reloaded'] + 1):
        advance(spec, scheduler, t)
        seen.append(rates(optimizer))
    return seen


def added(spec):
    """The rates of the group that is added, or None for a scheduler that then no longer steps."""
    optimizer = make_optimizer(spec)
    scheduler = make(spec, optimizer)
    seen = []
    for t in range(1, CASES['steps'] + 1):
        if t == CASES['added']:
            optimizer.add_param_group({'params': [torch.zeros(1, requires_grad=True)], 'lr': CASES['addedLr']})
        try:
            advance(spec, scheduler, t)
        except (ValueError, KeyError, IndexError, RuntimeError):
            return None
        if t >= CASES['added']:
            seen.append(optimizer.param_groups[2]['lr'])
    return seen


def run(spec):
    adam = spec.get('optimizer') == 'Adam'
    optimizer = make_optimizer(spec)
    scheduler = make(spec, optimizer)
    groups = optimizer.param_groups
    golden = {'lr': [[] for _ in groups], 'momentum': [[] for _ in groups]}

    def see():
        for i, group in enumerate(optimizer.param_groups):
            golden['lr'][i].append(group['lr'])
            golden['momentum'][i].append(group['betas'][0] if adam else group['momentum'])

    see()
    for t in range(1, CASES['steps'] + 1):
        if spec.get('change') and t % 23 == 11:
            optimizer.param_groups[0]['lr'] *= 0.75
        advance(spec, scheduler, t)
        see()
        if t == CASES['saved']:
            golden['state'] = plain(scheduler.state_dict())
    if all(m == golden['momentum'][0][0] for group in golden['momentum'] for m in group):
        del golden['momentum']
    return golden


def generate(out_dir):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        cases = CASES['cases'].items()
        write(out_dir / 'lr-scheduler.json', {name: run(spec) for name, spec in cases})
        write(out_dir / 'lr-scheduler-reloaded.json', {name: reloaded(spec) for name, spec in cases})
        plain_cases = [(name, spec) for name, spec in cases if 'change' not in spec and 'jump' not in spec]
        write(out_dir / 'lr-scheduler-added.json', {name: added(spec) for name, spec in plain_cases})
