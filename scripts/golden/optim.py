"""Trajectories of every rule under every clipper of test/optim/cases, from formulas in float64, one file per family of rules.

Where PyTorch has the optimizer, its own float64 run on the same clipped gradients must agree to 1e-10, or nothing is written.
The bfloat16 trajectories round the parameters after each step and keep everything else in float64.
"""

import inspect
import json
import re

import numpy
import torch
from _encode import write
from optimizers import clippers
from optimizers.layout import CASES, COUNT, GROUPS, STEPS, gradient, initial
from optimizers.rules import PYTORCH, RULES

CHECKPOINTS = (1, 10, STEPS)
START = numpy.array([initial(i) for i in range(COUNT)])
GRADIENTS = [None] + [numpy.array([gradient(t, i) for i in range(COUNT)]) for t in range(1, STEPS + 1)]


def run(rule_spec, clip_spec, dtype=None):
    """Parameters at the checkpoints, and the gradients as the rule saw them."""
    options = rule_spec['options']
    step = RULES[rule_spec['optimizer']](options)
    level = getattr(step, 'level', lambda t: 1.0)
    on_gradient, on_update = clippers.make(clip_spec)
    sign = -1 if options.get('maximize') else 1
    p = START.copy()
    seen, clipped = [], []
    for t in range(1, STEPS + 1):
        g = on_gradient(GRADIENTS[t], p, level(t)) if on_gradient else GRADIENTS[t]
        clipped.append(g)
        moved = step(p, sign * g, t)
        if on_update:
            lr = options['lr']
            moved = p - lr * on_update((p - moved) / lr, p, level(t))
        p = moved
        if dtype is not None:
            p = torch.tensor(p).to(dtype).double().numpy()
        if t in CHECKPOINTS:
            seen.append(p.tolist())
    return seen, clipped


def snake(name):
    return re.sub('[A-Z]', lambda letter: '_' + letter[0].lower(), name)


def pytorch(rule_spec, clipped):
    """The same gradients through torch.optim."""
    flat = torch.tensor(START)
    params = [[flat[part].clone().view(shape).requires_grad_() for part, shape in group] for group in GROUPS]
    kind = getattr(torch.optim, rule_spec['optimizer'])
    options = {snake(k): v for k, v in rule_spec['options'].items()}
    if 'foreach' in inspect.signature(kind).parameters:
        options['foreach'] = False
    optimizer = kind([{'params': group} for group in params], **options)
    # The numbers that it keeps besides tensors have the default dtype.
    torch.set_default_dtype(torch.float64)
    seen = []
    for t, g in enumerate(clipped, 1):
        for group, parts in zip(params, GROUPS):
            for param, (part, shape) in zip(group, parts):
                param.grad = torch.tensor(g[part]).view(shape)
        optimizer.step()
        if t in CHECKPOINTS:
            seen.append(torch.cat([p.detach().flatten() for group in params for p in group]).tolist())
    torch.set_default_dtype(torch.float32)
    return seen


def generate(out_dir):
    clips = json.loads((CASES / 'clippers.json').read_text())
    (out_dir / 'optim').mkdir(exist_ok=True)
    for path in sorted((CASES / 'rules').glob('*.json')):
        golden = {'checkpoints': CHECKPOINTS}
        for rule_name, rule_spec in json.loads(path.read_text()).items():
            for clip_name, clip_spec in clips.items():
                reference, clipped = run(rule_spec, clip_spec)
                on_update = clippers.make(clip_spec)[1]
                if rule_spec['optimizer'] in PYTORCH and not on_update:
                    numpy.testing.assert_allclose(reference, pytorch(rule_spec, clipped), rtol=1e-10, atol=1e-12)
                narrow = run(rule_spec, clip_spec, torch.bfloat16)[0][-1]
                golden[f'{rule_name} / {clip_name}'] = {'float64': reference, 'bfloat16': narrow}
        write(out_dir / 'optim' / f'{path.stem}.json', golden)
