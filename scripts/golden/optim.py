"""Trajectories of every rule under every clipper of test/optim/cases.json, from formulas in float64.

Where PyTorch has the optimizer, its own float64 run must agree to 1e-10, or nothing is written. The half-precision
trajectories round the parameters after each step and keep everything else in float64.
"""

import json
import math
import pathlib

import numpy
import torch
from _encode import write

CASES = json.loads((pathlib.Path(__file__).resolve().parents[2] / 'test' / 'optim' / 'cases.json').read_text())
CHECKPOINTS = (1, 10, CASES['steps'])


def initial(i):
    return ((i * 37 + 11) % 101 - 50) / 32


def gradient(t, i):
    """Exact in every dtype; one step in ten has a gradient 32 times as long."""
    return ((i * 53 + t * 29 + (i * t) % 17 * 7) % 61 - 30) / 16 * (32 if t % 10 == 7 else 1)


def layout():
    """For each group the slices of the flat vector that are its tensors."""
    groups, start = [], 0
    for shapes in CASES['groups']:
        group = []
        for shape in shapes:
            group.append(slice(start, start + math.prod(shape)))
            start += math.prod(shape)
        groups.append(group)
    return groups, start


def p_norm(x, p):
    return numpy.abs(x).max() if p == math.inf else (numpy.abs(x) ** p).sum() ** (1 / p)


def clipper_options(spec):
    given = spec['args'][1] if len(spec['args']) > 1 else {}
    scope = 'tensor' if spec['kind'] == 'layerwise' else given.get('scope', 'global')
    return scope, float(given.get('normType', 2))


def clipped(g, spec):
    if spec is None:
        return g
    level = spec['args'][0]
    if spec['kind'] == 'value':
        return numpy.clip(g, -level, level)
    scope, p = clipper_options(spec)
    groups, n = layout()
    parts = {
        'global': [slice(0, n)],
        'group': [slice(group[0].start, group[-1].stop) for group in groups],
        'tensor': [part for group in groups for part in group],
    }[scope]
    out = g.copy()
    for part in parts:
        out[part] *= min(1.0, level / (p_norm(g[part], p) + 1e-6))
    return out


def sgd(o):
    momentum, damp = o.get('momentum', 0), o.get('dampening', 0)
    buffer = None

    def step(p, g, t):
        nonlocal buffer
        g = g + o.get('weightDecay', 0) * p
        if momentum:
            buffer = g.copy() if buffer is None else momentum * buffer + (1 - damp) * g
            g = g + momentum * buffer if o.get('nesterov') else buffer
        return p - o['lr'] * g

    return step


def adam(o, decoupled):
    b1, b2 = o.get('betas', (0.9, 0.999))
    decay = o.get('weightDecay', 0.01 if decoupled else 0)
    m = v = top = 0.0

    def step(p, g, t):
        nonlocal m, v, top
        if decoupled:
            p = p * (1 - o['lr'] * decay)
        else:
            g = g + decay * p
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        top = numpy.maximum(top, v)
        root = numpy.sqrt((top if o.get('amsgrad') else v) / (1 - b2**t))
        return p - o['lr'] * (m / (1 - b1**t)) / (root + o.get('eps', 1e-8))

    return step


def rule(spec):
    o = spec['options']
    return {'SGD': lambda: sgd(o), 'Adam': lambda: adam(o, False), 'AdamW': lambda: adam(o, True)}[spec['optimizer']]()


def run(rule_spec, clip_spec, dtype=None):
    _, n = layout()
    step = rule(rule_spec)
    sign = -1 if rule_spec['options'].get('maximize') else 1
    p = numpy.array([initial(i) for i in range(n)])
    seen = []
    for t in range(1, CASES['steps'] + 1):
        g = numpy.array([gradient(t, i) for i in range(n)])
        p = step(p, sign * clipped(g, clip_spec), t)
        if dtype is not None:
            p = torch.tensor(p).to(dtype).double().numpy()
        if t in CHECKPOINTS:
            seen.append(p.tolist())
    return seen


def pytorch(rule_spec, clip_spec):
    """The same by torch.optim and torch.nn.utils.clip_grad."""
    groups, n = layout()
    flat = torch.tensor([initial(i) for i in range(n)], dtype=torch.float64)
    params = [[flat[part].clone().requires_grad_() for part in group] for group in groups]
    names = {'weightDecay': 'weight_decay'}
    options = {names.get(k, k): v for k, v in rule_spec['options'].items()}
    optimizer = getattr(torch.optim, rule_spec['optimizer'])([{'params': group} for group in params], **options)
    seen = []
    for t in range(1, CASES['steps'] + 1):
        g = torch.tensor([gradient(t, i) for i in range(n)], dtype=torch.float64)
        for group, parts in zip(params, groups):
            for param, part in zip(group, parts):
                param.grad = g[part].clone()
        every = [param for group in params for param in group]
        if clip_spec is not None and clip_spec['kind'] == 'value':
            torch.nn.utils.clip_grad_value_(every, clip_spec['args'][0])
        elif clip_spec is not None:
            scope, p = clipper_options(clip_spec)
            for unit in {'global': [every], 'group': params, 'tensor': [[param] for param in every]}[scope]:
                torch.nn.utils.clip_grad_norm_(unit, clip_spec['args'][0], p)
        optimizer.step()
        if t in CHECKPOINTS:
            seen.append(torch.cat([param.detach() for param in every]).tolist())
    return seen


def generate(out_dir):
    golden = {'checkpoints': CHECKPOINTS}
    for rule_name, rule_spec in CASES['rules'].items():
        for clip_name, clip_spec in CASES['clippers'].items():
            reference = run(rule_spec, clip_spec)
            numpy.testing.assert_allclose(reference, pytorch(rule_spec, clip_spec), rtol=1e-10, atol=1e-12)
            golden[f'{rule_name} / {clip_name}'] = {
                'float64': reference,
                'float16': run(rule_spec, clip_spec, torch.float16)[-1],
                'bfloat16': run(rule_spec, clip_spec, torch.bfloat16)[-1],
            }
    write(out_dir / 'optim.json', golden)
