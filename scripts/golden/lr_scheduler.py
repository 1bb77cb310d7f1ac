"""The learning rates (and momenta) of every scheduler of test/optim/lr-scheduler/cases.json over its steps, and a state dict."""

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


def run(spec):
    groups = [{'params': [torch.zeros(1, requires_grad=True)], 'lr': lr} for lr in CASES['lrs']]
    adam = spec.get('optimizer') == 'Adam'
    optimizer = torch.optim.Adam(groups) if adam else torch.optim.SGD(groups, momentum=spec.get('momentum', 0))
    scheduler = make(spec, optimizer)
    golden = {'lr': [[] for _ in groups], 'momentum': [[] for _ in groups]}

    def see():
        for i, group in enumerate(optimizer.param_groups):
            golden['lr'][i].append(group['lr'])
            golden['momentum'][i].append(group['betas'][0] if adam else group['momentum'])

    see()
    for t in range(1, CASES['steps'] + 1):
        if spec.get('change') and t % 23 == 11:
            optimizer.param_groups[0]['lr'] *= 0.75
        if 'metric' in spec:
            scheduler.step(METRICS[spec['metric']](t))
        elif 'jump' in spec:
            jump = spec['jump']
            scheduler.step(t * 53 % 211 if jump is True else t * jump)
        else:
            scheduler.step()
        see()
        if t == CASES['saved']:
            golden['state'] = plain(scheduler.state_dict())
    if all(m == golden['momentum'][0][0] for group in golden['momentum'] for m in group):
        del golden['momentum']
    return golden


def generate(out_dir):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        write(out_dir / 'lr-scheduler.json', {name: run(spec) for name, spec in CASES['cases'].items()})
