"""Layers, losses and initialisers of torch.nn: weights from a seed, outputs, gradients and printed form."""

import torch
from torch import nn

import _encode

SEED = 1234


def randn(*shape, dtype=torch.float32, seed=7):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def rand(*shape, seed=7):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def randint(high, *shape, seed=7):
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))


def soft(*shape):
    return randn(*shape, seed=8).softmax(1)


X2, X3, X4 = randn(5, 4), randn(3, 4, 6), randn(2, 3, 8, 7)
SEQ, BSEQ = randn(5, 3, 4), randn(3, 5, 4)

# (name, positional arguments, keyword arguments, inputs[, 'eval'])
LAYERS = [
    ('Linear', [4, 3], {}, [X2]),
    ('Linear', [4, 3], {'bias': False}, [X2]),
    ('Linear', [64, 48], {}, [randn(2, 64)]),
    ('Linear', [4, 3], {'dtype': torch.float64}, [randn(5, 4, dtype=torch.float64)]),
    ('Linear', [4, 1], {}, [randn(4)]),
    ('Identity', [], {}, [X2]),
    ('ReLU', [], {}, [X2]),
    ('ReLU', [], {'inplace': True}, [X2]),
    ('LeakyReLU', [], {}, [X2]),
    ('LeakyReLU', [0.2], {}, [X2]),
    ('ELU', [], {}, [X2]),
    ('SiLU', [], {}, [X2]),
    ('Softplus', [], {}, [X2]),
    ('Tanh', [], {}, [X2]),
    ('Sigmoid', [], {}, [X2]),
    ('GELU', [], {}, [X2]),
    ('GELU', [], {'approximate': 'tanh'}, [X2]),
    ('Softmax', [1], {}, [X2]),
    ('Softmax', [-1], {}, [X3]),
    ('LogSoftmax', [1], {}, [X2]),
    ('Dropout', [], {}, [X3]),
    ('Dropout', [0.25], {}, [X3]),
    ('Dropout', [0.25], {'inplace': True}, [X3]),
    ('Dropout', [0.25], {}, [X3], 'eval'),
    ('Dropout2d', [0.4], {}, [X4]),
    ('Flatten', [], {}, [X4]),
    ('Flatten', [0, 1], {}, [X4]),
    ('Unflatten', [1, (2, 2)], {}, [X2]),
    ('Embedding', [10, 4], {}, [randint(10, 3, 5)]),
    ('Embedding', [10, 4], {'padding_idx': 2}, [randint(10, 3, 5)]),
    ('Embedding', [10, 4], {'padding_idx': -1, 'max_norm': 1.0}, [randint(10, 6)]),
    ('Embedding', [10, 4], {'scale_grad_by_freq': True}, [randint(4, 9)]),
    ('LayerNorm', [4], {}, [X2]),
    ('LayerNorm', [[4, 6]], {'eps': 1e-3}, [X3]),
    ('LayerNorm', [4], {'bias': False}, [X2]),
    ('LayerNorm', [4], {'elementwise_affine': False}, [X2]),
    ('GroupNorm', [2, 4], {}, [X3]),
    ('RMSNorm', [4], {}, [X2]),
    ('BatchNorm1d', [4], {}, [X2]),
    ('BatchNorm1d', [4], {}, [X3]),
    ('BatchNorm1d', [4], {}, [X2], 'eval'),
    ('BatchNorm1d', [4], {'affine': False, 'track_running_stats': False}, [X2]),
    ('BatchNorm1d', [4], {'momentum': None, 'eps': 1e-3}, [X2]),
    ('BatchNorm2d', [3], {}, [X4]),
    ('BatchNorm2d', [3], {}, [X4], 'eval'),
    ('Conv1d', [4, 2, 3], {}, [X3]),
    ('Conv1d', [4, 6, 2], {'stride': 2, 'padding': 1, 'dilation': 2, 'groups': 2, 'bias': False}, [X3]),
    ('Conv1d', [4, 2, 3], {'padding': 'same'}, [X3]),
    ('Conv2d', [3, 2, 3], {}, [X4]),
    ('Conv2d', [3, 6, [3, 2]], {'stride': [2, 1], 'padding': [1, 0], 'dilation': [1, 2], 'groups': 3}, [X4]),
    ('Conv2d', [3, 2, 3], {'padding': 1, 'padding_mode': 'reflect'}, [X4]),
    ('Conv2d', [3, 2, 3], {'padding': [2, 1], 'padding_mode': 'circular', 'bias': False}, [X4]),
    ('Conv2d', [3, 2, 4], {'padding': 'same', 'padding_mode': 'replicate'}, [X4]),
    ('Conv2d', [3, 2, 3], {'padding': 'valid'}, [X4]),
    ('Conv2d', [3, 2, 3], {'padding': 'same', 'dilation': 2}, [X4]),
    ('MaxPool2d', [2], {}, [X4]),
    ('MaxPool2d', [(3, 2)], {'stride': (2, 1), 'padding': 1, 'ceil_mode': True}, [X4]),
    ('MaxPool2d', [2], {'dilation': 2, 'return_indices': True}, [X4]),
    ('AvgPool2d', [2], {}, [X4]),
    ('AvgPool2d', [3], {'stride': 2, 'padding': 1, 'ceil_mode': True, 'count_include_pad': False}, [X4]),
    ('AvgPool2d', [2], {'divisor_override': 3}, [X4]),
    ('MaxPool1d', [2], {}, [X3]),
    ('AvgPool1d', [2], {}, [X3]),
    ('AdaptiveAvgPool1d', [3], {}, [X3]),
    ('AdaptiveAvgPool2d', [3], {}, [X4]),
    ('AdaptiveAvgPool2d', [(2, None)], {}, [X4]),
    ('RNN', [4, 5], {}, [SEQ]),
    ('RNN', [4, 5], {'nonlinearity': 'relu', 'bias': False}, [SEQ]),
    ('RNN', [4, 5], {'num_layers': 2, 'bidirectional': True, 'batch_first': True}, [BSEQ, randn(4, 3, 5)]),
    ('RNN', [4, 5], {}, [randn(5, 4), randn(1, 5)]),
    ('LSTM', [4, 5], {}, [SEQ]),
    ('LSTM', [4, 5], {'bias': False, 'batch_first': True}, [BSEQ]),
    ('LSTM', [4, 5], {'num_layers': 2, 'bidirectional': True}, [SEQ, [randn(4, 3, 5), randn(4, 3, 5, seed=9)]]),
    ('LSTM', [4, 5], {'num_layers': 3, 'dropout': 0.5}, [SEQ]),
    ('LSTM', [4, 5], {'num_layers': 3, 'dropout': 0.5}, [SEQ], 'eval'),
    ('LSTM', [4, 5], {'proj_size': 2}, [SEQ, [randn(1, 3, 2), randn(1, 3, 5)]]),
    ('LSTM', [4, 5], {}, [randn(5, 4)]),
    ('LSTM', [4, 5], {'dtype': torch.float64}, [randn(5, 3, 4, dtype=torch.float64)]),
    ('GRU', [4, 5], {}, [SEQ]),
    ('GRU', [4, 5], {'num_layers': 2, 'bidirectional': True, 'batch_first': True}, [BSEQ, randn(4, 3, 5)]),
    ('GRU', [4, 5], {'num_layers': 2, 'dropout': 0.25}, [SEQ]),
    ('GRU', [4, 5], {'bias': False}, [randn(5, 4), randn(1, 5)]),
]

T2, C2, C3 = randn(5, 4, seed=11), randint(4, 5), randint(4, 3, 6)
W4 = torch.tensor([0.5, 1.0, 2.0, 0.25])
LOSSES = [
    *((name, [], {'reduction': r}, [X2, T2]) for name in ('MSELoss', 'L1Loss') for r in ('mean', 'sum', 'none')),
    ('SmoothL1Loss', [], {}, [X2, T2]),
    ('SmoothL1Loss', [], {'beta': 0.5, 'reduction': 'sum'}, [X2, T2]),
    ('HuberLoss', [], {'delta': 0.5}, [X2, T2]),
    *(('CrossEntropyLoss', [], {'reduction': r}, [X2, C2]) for r in ('mean', 'sum', 'none')),
    ('CrossEntropyLoss', [], {'weight': W4}, [X2, C2]),
    ('CrossEntropyLoss', [], {'weight': W4, 'label_smoothing': 0.1, 'ignore_index': 1}, [X2, C2]),
    ('CrossEntropyLoss', [], {'ignore_index': 2, 'reduction': 'none'}, [X3, C3]),
    ('CrossEntropyLoss', [], {'label_smoothing': 0.2}, [X2, soft(5, 4)]),
    ('NLLLoss', [], {}, [X2.log_softmax(1), C2]),
    ('NLLLoss', [], {'weight': W4, 'ignore_index': 0, 'reduction': 'sum'}, [X2.log_softmax(1), C2]),
    ('NLLLoss', [], {}, [X3.log_softmax(1), C3]),
    ('KLDivLoss', [], {'reduction': 'batchmean'}, [X2.log_softmax(1), soft(5, 4)]),
    *(('BCELoss', [], {'reduction': r}, [rand(5, 4), rand(5, 4, seed=8)]) for r in ('mean', 'sum', 'none')),
    ('BCELoss', [], {'weight': W4}, [rand(5, 4), rand(5, 4, seed=8)]),
    *(('BCEWithLogitsLoss', [], {'reduction': r}, [X2, rand(5, 4)]) for r in ('mean', 'sum', 'none')),
    ('BCEWithLogitsLoss', [], {'weight': W4, 'pos_weight': W4.flip(0)}, [X2, rand(5, 4)]),
]

# (name, shape, positional arguments, keyword arguments)
INITS = [
    ('uniform_', [5, 4], [], {}),
    ('uniform_', [5, 4], [-2.0, 3.0], {}),
    ('normal_', [5, 4], [], {}),
    ('normal_', [3, 3], [1.0, 0.5], {}),
    ('trunc_normal_', [8, 8], [], {}),
    ('trunc_normal_', [8, 8], [], {'std': 0.02}),
    ('trunc_normal_', [8, 8], [0.5, 2.0, -0.25, 0.25], {}),
    ('trunc_normal_', [8, 8], [0.0, 1.0, 2.0, 3.0], {}),
    ('constant_', [2, 3], [0.3], {}),
    ('ones_', [2, 3], [], {}),
    ('zeros_', [2, 3], [], {}),
    ('eye_', [3, 5], [], {}),
    ('dirac_', [4, 2, 3], [], {}),
    ('dirac_', [4, 2, 3, 3], [2], {}),
    ('xavier_uniform_', [5, 4], [], {}),
    ('xavier_uniform_', [5, 4, 3, 3], [1.5], {}),
    ('xavier_normal_', [5, 4], [], {'gain': 2.0}),
    ('kaiming_uniform_', [5, 4], [], {}),
    ('kaiming_uniform_', [5, 4, 3], [], {'mode': 'fan_out', 'nonlinearity': 'relu'}),
    ('kaiming_uniform_', [5, 4], [], {'a': 0.2}),
    ('kaiming_normal_', [5, 4], [], {'nonlinearity': 'tanh'}),
    ('kaiming_normal_', [5, 4, 3, 3], [], {'mode': 'fan_out', 'nonlinearity': 'relu'}),
    ('orthogonal_', [5, 4], [], {}),
    ('orthogonal_', [4, 5], [], {'gain': 1.5}),
    ('orthogonal_', [4, 3, 2], [], {}),
    ('sparse_', [6, 4], [0.4], {}),
    ('sparse_', [6, 4], [0.4, 0.5], {}),
]

GAINS = [
    [n, p]
    for n, p in [
        ('linear', None), ('conv2d', None), ('sigmoid', None), ('tanh', None),
        ('relu', None), ('leaky_relu', None), ('leaky_relu', 0.3), ('selu', None),
    ]
]  # fmt: skip


def composites() -> dict[str, nn.Module]:
    """Nested modules that test/nn builds under the same names."""
    mlp = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    conv = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 2)
    )
    named = nn.Sequential()
    named.add_module('first', nn.Linear(4, 4))
    named.add_module('inner', nn.Sequential(nn.Tanh(), nn.Linear(4, 2, bias=False)))
    items = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)] + [nn.ReLU()])
    table = nn.ModuleDict({'rnn': nn.LSTM(4, 3, num_layers=2, batch_first=True), 'head': nn.Linear(3, 2)})
    return {'mlp': mlp, 'conv': conv, 'named': named, 'list': items, 'dict': table, 'empty': nn.Sequential()}


def encode(value):
    if isinstance(value, torch.Tensor):
        return _encode.tensor(value)
    return [encode(v) for v in value] if isinstance(value, (list, tuple)) else value


def flat(value):
    return [value] if isinstance(value, torch.Tensor) else [t for v in value for t in flat(v)]


def is_real(t):
    return t.is_floating_point()


def run(name: str, args: list, kwargs: dict, inputs: list, mode: str = 'train') -> dict:
    """Builds from SEED, runs forward from SEED + 1, and takes the gradients of sum(output * cos(0, 1, 2, ...))."""
    torch.manual_seed(SEED)
    module = getattr(nn, name)(*args, **kwargs)
    module.train(mode == 'train')
    state = {k: _encode.tensor(v) for k, v in module.state_dict().items()}
    loss = name.endswith('Loss')
    leaves = [t.clone().requires_grad_(is_real(t) and not (loss and i > 0)) for i, t in enumerate(flat(inputs))]
    # An in-place layer may not write into a leaf that requires a gradient.
    fed = [t * 1 if kwargs.get('inplace') else t for t in leaves]
    spare = iter(fed)
    torch.manual_seed(SEED + 1)
    rebuild = lambda v: next(spare) if isinstance(v, torch.Tensor) else tuple(rebuild(u) for u in v)
    outputs = flat(module(*[rebuild(v) for v in inputs]))
    real = [o for o in outputs if o.requires_grad]
    if real:
        sum((o * torch.arange(o.numel(), dtype=o.dtype).cos().reshape(o.shape)).sum() for o in real).backward()
    dtype = kwargs.get('dtype')
    return {
        'module': name,
        'args': encode(args),
        'options': {_encode.camel(k): encode(v) for k, v in kwargs.items() if k != 'dtype'},
        'dtype': str(dtype).removeprefix('torch.') if dtype else None,
        'train': mode == 'train',
        'repr': repr(module),
        'state': state,
        'inputs': encode(inputs),
        'outputs': encode(outputs),
        'inputGrads': [None if t.grad is None else _encode.tensor(t.grad) for t in leaves],
        'grads': {k: _encode.tensor(p.grad) for k, p in module.named_parameters() if p.grad is not None},
        'buffers': {k: _encode.tensor(b) for k, b in module.named_buffers()},
    }


def initialise(name: str, shape: list, args: list, kwargs: dict) -> dict:
    torch.manual_seed(SEED)
    value = getattr(nn.init, name)(torch.empty(shape), *args, **kwargs)
    # The arguments after the tensor go by name in TypeScript.
    names = getattr(nn.init, name).__code__.co_varnames[1:]
    options = {_encode.camel(k): v for k, v in [*zip(names, args), *kwargs.items()]}
    return {'name': _encode.camel(name), 'shape': shape, 'options': options, 'value': _encode.tensor(value)}


def generate(out_dir) -> None:
    _encode.write(out_dir / 'nn-layers.json', [run(*case) for case in LAYERS])
    _encode.write(out_dir / 'nn-losses.json', [run(*case) for case in LOSSES])
    gains = [{'nonlinearity': n, 'param': p, 'gain': nn.init.calculate_gain(n, p)} for n, p in GAINS]
    _encode.write(out_dir / 'nn-init.json', {'seed': SEED, 'gains': gains, 'cases': [initialise(*c) for c in INITS]})
    torch.manual_seed(SEED)
    modules = {
        name: {'repr': repr(m), 'state': {k: _encode.tensor(v) for k, v in m.state_dict().items()}}
        for name, m in composites().items()
    }
    _encode.write(out_dir / 'nn-modules.json', modules)
