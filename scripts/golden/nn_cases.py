"""Modules and functions of torch.nn, whose cases stand in test/nn/cases/*.json: each in float32 and float64, in training and evaluation.

A case names a module or a function, its arguments and its inputs. A tensor is drawn from a seed on both sides, so that
test/golden/nn holds results alone, and of each at most 16 elements and a weighted sum of all.
"""

import base64
import json
import math
import pathlib
import re
import struct

import torch
from torch import nn
from torch.nn.utils import prune as _prune  # noqa: F401, an attribute only once it is imported

import _encode

SEED = 1234
SAMPLES = 16
CASES = pathlib.Path(__file__).resolve().parents[2] / 'test' / 'nn' / 'cases'
# A kind with its numbers, a shape, a seed where it is not the default one, and '!' where no gradient is wanted.
SPEC = re.compile(r'^(\w+)(?:\(([^)]*)\))?\[([\d,]*)\](?:@(\d+))?(!?)$')
KINDS = {
    'randn': lambda shape, g: torch.randn(shape, generator=g),
    'rand': lambda shape, g: torch.rand(shape, generator=g),
    'positive': lambda shape, g: torch.rand(shape, generator=g) + 0.1,
    'randint': lambda shape, g, low, high: torch.randint(int(low), int(high), shape, generator=g),
    'sign': lambda shape, g: torch.randint(0, 2, shape, generator=g) * 2 - 1,
    'signs': lambda shape, g: torch.randint(0, 2, shape, generator=g).to(torch.get_default_dtype()) * 2 - 1,
    'mask': lambda shape, g: torch.rand(shape, generator=g) > 0.5,
    'logsoftmax': lambda shape, g: torch.randn(shape, generator=g).log_softmax(-1),
    'softmax': lambda shape, g: torch.randn(shape, generator=g).softmax(1),
    'tril': lambda shape, g: torch.ones(shape, dtype=torch.bool).tril(),
    'causal': lambda shape, g: torch.full(shape, -math.inf).triu(1),
}


def snake(name: str) -> str:
    return re.sub(r'([A-Z])', lambda m: '_' + m.group(1).lower(), name)


class Inputs:
    """Draws what a case names; `leaves` are the floating-point tensors whose gradients are looked at."""

    def __init__(self):
        self.leaves, self.count = [], 0

    def draw(self, value, copied=False):
        if isinstance(value, list):
            return tuple(self.draw(v, copied) for v in value)
        if isinstance(value, dict):
            if 'tensor' in value:
                return torch.tensor(value['tensor'], dtype=getattr(torch, value.get('dtype', 'int64')))
            if 'packed' in value:
                sequences = [self.draw(v) for v in value['packed']]
                return nn.utils.rnn.pack_sequence(sequences, enforce_sorted=value.get('sorted', False))
            return {k: self.draw(v, copied) for k, v in value.items()}
        found = SPEC.match(value) if isinstance(value, str) else None
        if not found:
            return value
        kind, numbers, shape, seed, constant = found.groups()
        generator = torch.Generator().manual_seed(int(seed) if seed else 7 + self.count)
        self.count += 1
        numbers = [float(n) for n in numbers.split(',')] if numbers else []
        t = KINDS[kind]([int(n) for n in shape.split(',') if n], generator, *numbers)
        if not t.is_floating_point() or constant:
            return t
        self.leaves.append(t.requires_grad_())
        # An in-place function may not write into a leaf that wants a gradient.
        return t * 1 if copied else t


def digest(t: torch.Tensor) -> dict:
    flat = t.detach().to(torch.float64).reshape(-1) if not t.is_sparse else t.detach().to_dense().double().reshape(-1)
    n = flat.numel()
    count = min(n, SAMPLES)
    values = [flat[i * n // count].item() for i in range(count)]
    weights = torch.arange(n, dtype=torch.float64).cos()
    values.append((flat * weights).sum().item())
    data = base64.b64encode(struct.pack(f'<{len(values)}d', *values)).decode()
    return {'dtype': str(t.dtype).removeprefix('torch.'), 'shape': list(t.shape), 'data': data}


def tensors(value) -> list:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, nn.utils.rnn.PackedSequence):  # a named tuple
        return [t for t in value if t is not None]
    return [t for v in value for t in tensors(v)] if isinstance(value, (list, tuple)) else []


def pull(outputs: list) -> None:
    """Sends cos(0), cos(1), ... into every output that has a graph."""
    real = [o for o in outputs if o.requires_grad]
    if real:
        sum((o * torch.arange(o.numel(), dtype=o.dtype).cos().reshape(o.shape)).sum() for o in real).backward()


def function(path: str):
    """A function by its name here; of nn.functional where it has no dot."""
    at = torch
    for step in (path if '.' in path else f'nn.functional.{path}').split('.'):
        at = getattr(at, snake(step))
    return at


def named(options: dict) -> dict:
    return {snake(k): v for k, v in options.items()}


def run(case: dict, dtype: torch.dtype, train: bool) -> dict:
    torch.set_default_dtype(dtype)
    inputs = Inputs()
    options = inputs.draw(case.get('options', {}), False)
    result = {'dtype': str(dtype).removeprefix('torch.'), 'train': train}
    torch.manual_seed(SEED)
    outputs = []
    copied = bool(options.get('inplace'))
    if 'function' in case:
        args = [inputs.draw(a, copied) for a in case['args']]
        torch.manual_seed(SEED + 1)
        outputs = tensors(function(case['function'])(*args, **named(options)))
        module = None
    else:
        fixed = [inputs.draw(a) for a in case.get('args', [])]
        for leaf in inputs.leaves:
            leaf.requires_grad_(False)
        inputs.leaves.clear()
        module = getattr(nn, case['module'])(*fixed, **named(options)).train(train)
        for step in case.get('prepare', []):
            extra = [inputs.draw(a) for a in step.get('args', [])]
            module = function(step['call'])(module, *extra, **named(step.get('options', {})))
        result['repr'] = repr(module)
        result['state'] = {k: digest(v) for k, v in module.state_dict().items() if not nn.parameter.is_lazy(v)}
        fed = [inputs.draw(a, copied) for a in case['inputs']]
        torch.manual_seed(SEED + 1)
        # What is computed again each time, such as a spectral norm, is seen twice.
        for _ in range(2 if 'prepare' in case else 1):
            outputs += tensors(module(*fed, **named(inputs.draw(case.get('forward', {})))))
    result['outputs'] = [digest(o) for o in outputs]
    if module is not None and repr(module) != result['repr']:
        result['reprAfter'] = repr(module)
    pull(outputs)
    result['inputGrads'] = [None if t.grad is None else digest(t.grad) for t in inputs.leaves]
    if module is not None:
        grads = {k: digest(p.grad) for k, p in module.named_parameters() if p.grad is not None}
        buffers = {k: digest(b) for k, b in module.named_buffers()}
        result |= {k: v for k, v in {'grads': grads, 'buffers': buffers}.items() if v}
    torch.set_default_dtype(torch.float32)
    return result


def results(case: dict) -> list:
    """Evaluation only where it is not training: a module that does not tell them apart has the same results."""
    all_ = []
    for dtype in (torch.float32, torch.float64):
        trained = run(case, dtype, True)
        all_.append(trained)
        if 'module' in case:
            evaluated = run(case, dtype, False)
            if {**evaluated, 'train': True} != trained:
                all_.append(evaluated)
    return all_


def generate(out_dir) -> None:
    folder = out_dir / 'nn'
    folder.mkdir(exist_ok=True)
    for path in sorted(CASES.glob('*.json')):
        cases = json.loads(path.read_text())
        _encode.write(folder / path.name, [results(case) for case in cases])
