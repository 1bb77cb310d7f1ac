"""What the transforms of torch.func give in PyTorch: each over many functions, nested, over losses and networks, with random numbers."""

import torch
import torch.nn.functional as F
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, rearrange, stack_module_state, vjp, vmap

import _encode

F64 = torch.float64


def line(*shape: int, low: float = -1.2, high: float = 1.7) -> torch.Tensor:
    """Distinct numbers, not in order."""
    n = 1
    for size in shape:
        n *= size
    return (torch.arange(n, dtype=F64) * 0.7 + 0.3).sin().reshape(shape) * (high - low) / 2 + (high + low) / 2


def both(result):
    """Tensors of a nest, encoded."""
    if isinstance(result, torch.Tensor):
        return _encode.tensor(result)
    if isinstance(result, dict):
        return {key: both(value) for key, value in result.items()}
    return [both(r) for r in result] if isinstance(result, (tuple, list)) else result


# Of one tensor with one or more dimensions; each also stands in test/func/functions.ts.
FUNCTIONS = {
    'sin': lambda x: x.sin(),
    'cube': lambda x: x.pow(3) * 2,
    'exp sum': lambda x: (x.exp() * x.sum()).tanh(),
    'softmax': lambda x: F.softmax(x, -1),
    'log softmax': lambda x: F.log_softmax(x, -1),
    'layer norm': lambda x: F.layer_norm(x, [x.shape[-1]]),
    'products': lambda x: torch.outer(x.reshape(-1), x.reshape(-1)).sum(0).sin(),
    'cumulative': lambda x: x.cumsum(-1) * x.cumprod(-1),
    'where': lambda x: torch.where(x > 0, x.square(), x.sigmoid()),
    'gelu': lambda x: F.gelu(x) + F.silu(x) + F.logsigmoid(x),
    'sorted': lambda x: x.sort(-1)[0] * torch.arange(1, x.shape[-1] + 1, dtype=x.dtype),
    'views': lambda x: torch.cat([x.flip(-1), x.roll(1, -1) * 2], -1).unsqueeze(0).transpose(0, -1).squeeze(-1),
    'norm': lambda x: x / (x.norm() + 1) + torch.logsumexp(x, -1, keepdim=True),
    'in place': lambda x: x.clone().mul_(3).add_(x.sin()).clamp_(max=2.5).sin(),
    'constant': lambda x: x * 0 + 4,
    'unused': lambda x: torch.ones_like(x),
}
SHAPES = [[3], [2, 2]]


def scalar(f):
    return lambda x: (f(x) * line(*f(x).shape)).sum().sin()


TRANSFORMS = {
    'grad': lambda f, x: grad(scalar(f))(x),
    'gradAndValue': lambda f, x: grad_and_value(scalar(f))(x),
    'vjp': lambda f, x: (lambda y, pull: [y, pull(line(*y.shape))[0]])(*vjp(f, x)),
    'jvp': lambda f, x: jvp(f, (x,), (line(*x.shape),)),
    'linearize': lambda f, x: (lambda y, push: [y, push(line(*x.shape))])(*linearize(f, x)),
    'jacrev': lambda f, x: jacrev(f)(x),
    'jacrev in chunks': lambda f, x: [jacrev(f, chunk_size=1)(x), jacrev(f, chunk_size=3)(x)],
    'jacfwd': lambda f, x: jacfwd(f)(x),
    'hessian': lambda f, x: hessian(scalar(f))(x),
    'jacrev of jacfwd': lambda f, x: jacrev(jacfwd(scalar(f)))(x),
    'jacrev of jacrev': lambda f, x: jacrev(jacrev(f))(x),
    'grad of grad': lambda f, x: grad(lambda y: grad(scalar(f))(y).sin().sum())(x),
    'jvp of grad': lambda f, x: jvp(grad(scalar(f)), (x,), (line(*x.shape),)),
    'vmap': lambda f, x: vmap(f)(torch.stack([x, x.cos(), x * 2])),
    'vmap of dimension 1 to the last': lambda f, x: vmap(f, 1, -1)(torch.stack([x, x.cos()], 1)),
    'vmap in chunks': lambda f, x: vmap(f, chunk_size=2)(torch.stack([x, x.cos(), x * 2])),
    'vmap of vmap': lambda f, x: vmap(vmap(f), 1)(torch.stack([x, x.cos(), x * 2, x.tan()]).unflatten(0, (2, 2))),
    'vmap of grad': lambda f, x: vmap(grad(scalar(f)))(torch.stack([x, x.cos(), x * 2])),
    'grad of vmap': lambda f, x: grad(lambda y: vmap(f)(y).sin().sum())(torch.stack([x, x.cos()])),
    'vmap of jvp': lambda f, x: vmap(lambda t: jvp(f, (x,), (t,))[1])(torch.stack([x, x.cos()])),
    'vmap of jacfwd': lambda f, x: vmap(jacfwd(f))(torch.stack([x, x.cos()])),
}


def transforms() -> dict:
    out = {}
    for name, f in FUNCTIONS.items():
        for shape in SHAPES:
            x = line(*shape)
            for transform, run in TRANSFORMS.items():
                try:
                    out[f'{transform}: {name} of {shape}'] = both(run(f, x))
                except RuntimeError:
                    pass  # PyTorch refuses it
    return out


# Of two arguments in containers; each also stands in the test.
def nested() -> dict:
    a, b = line(3, 2), line(2, low=0.5, high=2)
    f = lambda p, x: (p['w'] @ x).tanh() + p['b'].sum()
    w = {'w': line(2, 2), 'b': line(2, low=0, high=1)}
    g = lambda x, y: {'s': (x * y).sum(), 'l': [x.sin() * y, y.pow(2)]}
    stacked = {'w': torch.stack([w['w'], w['w'].cos(), w['w'] * 2]), 'b': torch.stack([w['b']] * 3, 1)}
    p = line(2)
    return {
        'grad by both': grad(lambda x, y: (x * y).sum().sin(), (0, 1))(a, b),
        'grad by the last': grad(lambda x, y: (x * y).sum().sin(), -1)(a, b),
        'grad by a record': grad(lambda p, x: f(p, x).sum())(w, p),
        'grad with aux': grad(lambda x: (x.sin().sum(), x.cos()), has_aux=True)(b),
        'gradAndValue with aux': grad_and_value(lambda x: (x.sin().sum(), [x.cos(), x.sum()]), has_aux=True)(b),
        'vjp of records': (lambda out, pull: [out, pull({'s': torch.tensor(2.0, dtype=F64), 'l': [b, b.sin()]})])(*vjp(g, p, b)),
        'vjp with aux': (lambda out, pull, aux: [out, pull(b), aux])(*vjp(lambda x: (x.sin(), x.cos()), b, has_aux=True)),
        'jvp of records': jvp(g, (p, b), (b, p)),
        'jvp with aux': jvp(lambda x: (x.sin(), x.cos()), (b,), (p,), has_aux=True),
        'linearize of two': (lambda out, push: [out, push(b, p)])(*linearize(lambda x, y: x * y.sin(), p, b)),
        'jacrev of records': jacrev(g, (0, 1))(p, b),
        'jacfwd of records': jacfwd(g, (0, 1))(p, b),
        'jacrev by a record': jacrev(f)(w, p),
        'jacfwd by a record': jacfwd(f)(w, p),
        'jacrev with aux': jacrev(lambda x: (x.sin(), x.cos()), has_aux=True)(b),
        'jacfwd with aux': jacfwd(lambda x: (x.sin(), x.cos()), has_aux=True)(b),
        'hessian by both': hessian(lambda x, y: (x * y).sum().sin(), (0, 1))(p, b),
        'jacrev of many in chunks': jacrev(g, (0, 1), chunk_size=2)(p, b),
        'vmap with a shared argument': vmap(lambda x, y: x * y, (0, None))(a, b),
        'vmap of shared records': vmap(f, (None, 0))(w, a),
        'vmap of records': vmap(f, ({'w': 0, 'b': 1}, 0))(stacked, a),
        'vmap to records': vmap(lambda x: {'s': x.sum(), 'l': [x, x * 2]}, out_dims={'s': 0, 'l': [1, 0]})(a),
        'vmap to a tuple': vmap(lambda x: (x.sum(), x), out_dims=(0, 1))(a),
        'vmap to what is shared': vmap(lambda x: (x, b), out_dims=(0, None))(a),
        'vmap of an unbatched result': vmap(lambda x: b * 2, out_dims=0)(a),
        'vmap over no samples': vmap(lambda x: x.sum())(torch.zeros(0, 3, dtype=F64)),
        'vmap over a negative dimension': vmap(lambda x: x.cumsum(0), -1, 1)(a),
        'vmap of matrices': vmap(torch.matmul, (None, 0))(line(4, 3), line(5, 3, 2)),
        'vmap of vmap of outer': vmap(vmap(torch.outer, (None, 0)), (0, None))(line(2, 3), line(4, 2)),
        'vmap of indexing': vmap(lambda x, i: x[i] * x.gather(0, i), (0, 0))(line(3, 4), torch.tensor([[0, 3], [1, 1], [2, 0]])),
        'vmap of solve': vmap(torch.linalg.solve, (0, None))(line(3, 2, 2) + 3 * torch.eye(2, dtype=F64), b),
        'vmap of conv2d': vmap(F.conv2d, (0, 0))(line(2, 1, 2, 4, 4), line(2, 3, 2, 3, 3)),
        'vmap of addr': vmap(torch.addr, (0, 0, None))(line(3, 2, 2), a, b),
        'vmap of a histogram': vmap(lambda x: torch.histc(x, 3, -1, 1))(line(4, 5)),
    }


LOSSES = {
    'crossEntropy': (F.cross_entropy, (4, 3), 'class', {}),
    'crossEntropy of images': (F.cross_entropy, (2, 3, 2, 2), 'class', {}),
    'crossEntropy with weights': (F.cross_entropy, (4, 3), 'class', {'weight': True}),
    'crossEntropy with an ignored class': (F.cross_entropy, (4, 3), 'class', {'ignore_index': 1}),
    'crossEntropy with smoothing': (F.cross_entropy, (4, 3), 'class', {'label_smoothing': 0.1}),
    'crossEntropy of images with weights and an ignored class': (F.cross_entropy, (2, 3, 2, 2), 'class', {'weight': True, 'ignore_index': 2}),
    'crossEntropy of one': (F.cross_entropy, (3,), 'class', {}),
    'nllLoss': (F.nll_loss, (4, 3), 'class', {}),
    'mseLoss': (F.mse_loss, (4, 3), 'same', {}),
    'l1Loss': (F.l1_loss, (4, 3), 'same', {}),
    'smoothL1Loss': (F.smooth_l1_loss, (4, 3), 'same', {'beta': 0.5}),
    'huberLoss': (F.huber_loss, (4, 3), 'same', {'delta': 0.7}),
    'binaryCrossEntropyWithLogits': (F.binary_cross_entropy_with_logits, (4, 3), 'unit', {}),
    'klDiv': (F.kl_div, (4, 3), 'unit', {}),
    'softMarginLoss': (F.soft_margin_loss, (4, 3), 'sign', {}),
}


def losses() -> dict:
    out = {}
    for name, (loss, shape, kind, options) in LOSSES.items():
        x = line(3, *shape)
        if kind == 'class':
            n = shape[0] if len(shape) == 1 else shape[1]
            rest = (3,) if len(shape) == 1 else (3, shape[0], *shape[2:])
            count = 1
            for size in rest:
                count *= size
            target = (torch.arange(count) * 5 % 7 % n).reshape(rest)
        else:
            target = {'same': line(3, *shape).cos() * 2, 'unit': line(3, *shape).sigmoid(), 'sign': line(3, *shape).sign()}[kind]
        options = {**options, **({'weight': torch.tensor([0.5, 1.0, 2.0], dtype=F64)} if options.get('weight') else {})}
        case = {'input': both(x), 'target': both(target), 'options': {_encode.camel(k): both(v) for k, v in options.items()}}
        for reduction in ('mean', 'sum', 'none'):
            one = lambda a, b: loss(a, b, reduction=reduction, **options).sum().sin()
            case[reduction] = both(vmap(grad_and_value(one))(x, target))
        one = lambda a: loss(a, target[0], **options).sin()
        # One argument has no derivative of second order in forward mode in PyTorch, so reverse over reverse as well.
        case['reverse'] = both(jacrev(jacrev(one))(x[0]))
        try:
            case['hessian'] = both(hessian(one)(x[0]))
        except (RuntimeError, NotImplementedError):
            case['hessian'] = None
        out[name] = case
    return out


def forward_over_reverse() -> dict:
    """Hessians that need the decompositions which PyTorch registers from Python."""
    x = line(3, 4)
    w, b = line(4, low=0.5, high=2), line(4)
    return {
        'trace': hessian(lambda t: (t @ t.T).trace().sin())(x),
        'logSigmoid': hessian(lambda t: F.logsigmoid(t).sum().sin())(x[0]),
        'layerNorm': hessian(lambda t: (F.layer_norm(t, [4], w, b) * x).sum().sin())(x),
        'layerNorm by its weight': hessian(lambda v: (F.layer_norm(x, [4], v, b) * x).sum().sin())(w),
        'layerNorm of all dimensions': hessian(lambda t: (F.layer_norm(t, [3, 4]) * x).sum().sin())(x),
        'batchNorm in training': hessian(lambda t: (F.batch_norm(t, None, None, w, b, True) * x).sum().sin())(x),
        'batchNorm in evaluation': hessian(lambda t: (F.batch_norm(t, b, w, w, b, False) * x).sum().sin())(x),
        'softmax': hessian(lambda t: (F.softmax(t, 1) * x).sum().sin())(x),
        'logSoftmax': hessian(lambda t: (F.log_softmax(t, 0) * x).sum().sin())(x),
        'attention': hessian(lambda t: (F.softmax(t @ t.T / 2, -1) @ t * x).sum().sin())(x),
    }


RANDOM = {
    'rand': lambda x: x + torch.rand(3, dtype=F64),
    'randn': lambda x: x * torch.randn(2, 3),
    'randLike': lambda x: x + torch.rand_like(x),
    'randint': lambda x: x + torch.randint(0, 100, (3,)),
    'dropout': lambda x: F.dropout(x, 0.5),
    'bernoulli': lambda x: torch.bernoulli(x.sigmoid()),
    'normal in place': lambda x: torch.zeros_like(x).normal_() + x,
    'uniform in place': lambda x: torch.empty_like(x).uniform_(-1, 1) + x,
    'multinomial': lambda x: torch.multinomial(x.sigmoid(), 2),
    'twice': lambda x: torch.rand(2) + torch.rand(2) + x.sum(),
}


def random() -> dict:
    x = line(4, 3).float()
    out = {'input': both(x)}
    for mode in ('same', 'different'):
        for name, f in RANDOM.items():
            torch.manual_seed(11)
            try:
                out[f'{mode}: {name}'] = both(vmap(f, randomness=mode)(x))
            except RuntimeError:
                continue
        torch.manual_seed(11)
        out[f'{mode}: dropout in chunks'] = both(vmap(RANDOM['dropout'], randomness=mode, chunk_size=3)(x))
        torch.manual_seed(11)
        out[f'{mode}: dropout, nested'] = both(vmap(vmap(RANDOM['dropout'], randomness=mode), 0, randomness=mode)(torch.stack([x, x])))
        torch.manual_seed(11)
        out[f'{mode}: grad of dropout'] = both(vmap(grad(lambda t: F.dropout(t, 0.5).sin().sum()), randomness=mode)(x))
    torch.manual_seed(11)
    out['different: jacfwd of dropout'] = both(jacfwd(lambda t: F.dropout(t, 0.5).sin(), randomness='same')(x[0]))
    return out


def networks() -> dict:
    """Gradients per sample, and ensembles, of small networks whose state is part of the file."""
    torch.manual_seed(5)
    nn = torch.nn
    models = {
        'mlp': (nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)), (4,)),
        'cnn': (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)), (1, 6, 6)),
        'norms': (nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.GELU(), nn.Unflatten(1, (6, 1)), nn.GroupNorm(2, 6), nn.Flatten(), nn.Linear(6, 3)), (4,)),
    }
    out = {}
    for name, (model, shape) in models.items():
        model.double()
        params = {k: v.detach() for k, v in model.named_parameters()}
        x, y = line(5, *shape), torch.arange(5) % 3
        one = lambda p, a, b: F.cross_entropy(functional_call(model, p, (a.unsqueeze(0),)), b.unsqueeze(0))
        out[name] = {
            'state': both(params),
            'input': both(x),
            'target': both(y),
            'perSample': both(vmap(grad_and_value(one), (None, 0, 0))(params, x, y)),
        }
    ensemble = [nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double() for _ in range(3)]
    params, buffers = stack_module_state(ensemble)
    run = lambda p, b, a: functional_call(ensemble[0], (p, b), (a,))
    x = line(2, 4)
    out['ensemble'] = {
        'states': both([dict(m.state_dict()) for m in ensemble]),
        'stacked': both(params),
        'output': both(vmap(run, (0, 0, None))(params, buffers, x)),
    }
    return out


PATTERNS = [
    ('a b c -> c b a', {}),
    ('a b c -> (a b) c', {}),
    ('a b c -> a (b c)', {}),
    ('a b c -> (c a) b', {}),
    ('a (b d) c -> a b c d', {'d': 2}),
    ('a (b d) c -> d a (c b)', {'b': 2}),
    ('a b c -> a 1 b c', {}),
    ('a b c -> () a b c ()', {}),
    ('... c -> c ...', {}),
    ('a ... -> ... a', {}),
    ('a ... c -> a (... c)', {}),
    ('a b c -> a b c', {}),
    ('(a1 a2) b (c1 c2) -> (a1 c1) b (a2 c2)', {'a1': 2, 'c2': 3}),
]


def patterns() -> list:
    x = line(2, 4, 3)
    return [{'pattern': p, 'lengths': sizes, 'output': both(rearrange(x, p, **sizes))} for p, sizes in PATTERNS]


def generate(out_dir) -> None:
    folder = out_dir / 'func'
    folder.mkdir(exist_ok=True)
    _encode.write(folder / 'transforms.json', transforms())
    _encode.write(folder / 'nested.json', both(nested()))
    _encode.write(folder / 'losses.json', losses())
    _encode.write(folder / 'forward-over-reverse.json', both(forward_over_reverse()))
    _encode.write(folder / 'random.json', random())
    _encode.write(folder / 'networks.json', networks())
    _encode.write(folder / 'patterns.json', patterns())
