"""What is written by hand beside the operators: limits of dtypes, windows, decompositions, sparse operators, weighted losses, orders of dimensions."""

import math

import torch
from torch import nn

import _encode

enc = _encode.tensor


def number(x):
    """JSON has no infinities, and no integers beyond 2^53."""
    return str(x) if isinstance(x, int) and abs(x) > 2**53 else x


FLOATS = ['float64', 'float32', 'float16', 'bfloat16', 'float8_e5m2', 'float8_e4m3fn', 'float8_e5m2fnuz', 'float8_e4m3fnuz']
FLOATS += ['complex64', 'complex128', 'complex32']
INTEGERS = ['uint8', 'int8', 'int16', 'int32', 'int64', 'uint16', 'uint32', 'uint64']


def limits():
    fields = 'bits eps max min tiny smallest_normal resolution'.split()
    floats = {n: {f: getattr(torch.finfo(getattr(torch, n)), f) for f in fields} for n in FLOATS}
    integers = {n: {f: number(getattr(torch.iinfo(getattr(torch, n)), f)) for f in ('bits', 'max', 'min')} for n in INTEGERS}
    return {'floats': floats, 'integers': integers}


WINDOWS = [
    ('exponential', {}),
    ('exponential', {'tau': 0.5}),
    ('exponential', {'center': 1.5, 'tau': 2.0}),
    ('cosine', {}),
    ('gaussian', {}),
    ('gaussian', {'std': 2.5}),
    ('kaiser', {}),
    ('kaiser', {'beta': 3.5}),
    ('hamming', {}),
    ('hann', {}),
    ('blackman', {}),
    ('bartlett', {}),
    ('general_cosine', {'a': [0.46, 0.23, 0.31]}),
    ('general_hamming', {'alpha': 0.7}),
    ('nuttall', {}),
]


def windows():
    cases = []
    for name, options in WINDOWS:
        for m in (0, 1, 2, 5, 10):
            for sym in (True, False):
                if sym and 'center' in options:
                    continue
                for dtype in ('float32', 'float64'):
                    w = getattr(torch.signal.windows, name)(m, sym=sym, dtype=getattr(torch, dtype), **options)
                    cases.append({'name': _encode.camel(name), 'm': m, 'sym': sym, 'dtype': dtype, 'options': options, 'out': enc(w)})
    return cases


def fixed(shape, dtype=torch.float64, start=0):
    n = math.prod(shape)
    return (((torch.arange(n, dtype=torch.float64) + start) * 37 + 11) % 101 - 50).div(32).reshape(shape).to(dtype)


def decompositions():
    """Products that do not depend on the signs of the vectors."""
    cases = []
    low = fixed([9, 3]) @ fixed([3, 6], start=5)
    for name, a, kw in [
        ('svd_lowrank', low, {'q': 3}),
        ('svd_lowrank', low.T, {'q': 3, 'niter': 1}),
        ('svd_lowrank', low.float().expand(2, 9, 6), {'q': 4}),
        ('svd_lowrank', low, {'q': 3, 'M': fixed([1, 6])}),
        ('pca_lowrank', low, {}),
        ('pca_lowrank', low, {'q': 2, 'center': False}),
        ('pca_lowrank', low.T, {'q': 3, 'niter': 3}),
        ('pca_lowrank', low.where(low > 0, 0).to_sparse(), {'q': 3}),
    ]:
        torch.manual_seed(7)
        u, s, v = getattr(torch, name)(a, **kw)
        options = {k: enc(x) if isinstance(x, torch.Tensor) else x for k, x in kw.items()}
        cases.append({
            'name': _encode.camel(name), 'a': enc(a.to_dense()), 'sparse': a.is_sparse, 'options': options,
            's': enc(s), 'product': enc((u * s.unsqueeze(-2)) @ v.mH), 'next': torch.rand(1).item(),
        })
    base = fixed([12, 12])
    spd = base @ base.T + torch.diag(torch.arange(1.0, 13, dtype=torch.float64))
    other = torch.diag(torch.arange(2.0, 14, dtype=torch.float64)) + 0.1
    pre = torch.diag(1 / torch.diag(spd))
    for kw in [
        {'k': 1}, {'k': 3}, {'k': 2, 'largest': False}, {'k': 2, 'n': 4}, {'k': 2, 'B': other},
        {'k': 2, 'method': 'basic'}, {'k': 2, 'method': 'basic', 'B': other, 'largest': False}, {'k': 3, 'iK': pre, 'method': 'basic'},
        {'k': 2, 'X': fixed([12, 3], start=3)}, {'k': 2, 'niter': 2}, {'k': 1, 'tol': 1e-3},
    ]:
        for a in [spd] if 'niter' in kw or 'tol' in kw else [spd, spd.to_sparse()]:
            torch.manual_seed(11)
            e, x = torch.lobpcg(a, **kw)
            options = {k: enc(v) if isinstance(v, torch.Tensor) else v for k, v in kw.items()}
            cases.append({
                'name': 'lobpcg', 'a': enc(spd), 'sparse': a.is_sparse, 'options': options, 's': enc(e),
                'product': enc(x.unsqueeze(-2) ** 2), 'next': torch.rand(1).item(),
            })
    return cases


def shapes():
    t = torch.empty
    tensors = {
        'plain': t(2, 3, 5, 7),
        'transposed': t(2, 3, 5, 7).transpose(1, 2),
        'channelsLast': t(2, 3, 5, 7).contiguous(memory_format=torch.channels_last),
        'ones': t(1, 2, 3, 1),
        'expanded': t(4, 1, 3).expand(4, 5, 3),
        'scalar': t(()),
        'permuted': t(4, 3, 2).permute(2, 0, 1),
    }
    orders = {n: {'shape': list(x.shape), 'stride': list(x.stride()), 'order': list(x.dim_order())} for n, x in tensors.items()}
    names = 'float32 float64 float16 bfloat16 uint8 int8 int16 int32 int64 bool complex64 complex128 uint16 float8_e5m2'.split()
    flat = torch.tensor([0, 1, 5, 23])
    return {
        'orders': orders,
        'types': {n: torch.zeros(1, dtype=getattr(torch, n)).type() for n in names},
        'sparseType': torch.zeros(2, 2).to_sparse().type(),
        'unravelled': [x.tolist() for x in torch.unravel_index(flat, (2, 3, 4))],
        'broadcast': [[s, list(torch.broadcast_shapes(*s))] for s in ([[2, 1], [3]], [[], [4]], [[5, 1, 2], [1, 3, 1], [2]], [[0], [1]])],
        'consecutive': [
            [x.tolist() for x in torch.unique_consecutive(torch.tensor([1, 1, 2, 2, 3, 1, 1, 2]), return_inverse=True, return_counts=True)],
            [x.tolist() for x in torch.unique_consecutive(torch.tensor([[1, 1, 2], [1, 1, 2], [3, 1, 2]]), return_counts=True, dim=0)],
        ],
    }


def losses():
    cases = []
    for name in ('mse_loss', 'l1_loss', 'huber_loss'):
        for reduction in ('none', 'mean', 'sum'):
            x = fixed([3, 4]).requires_grad_()
            target, weight = fixed([3, 4], start=9), fixed([3, 4], start=4).abs()
            out = getattr(nn.functional, name)(x, target, reduction=reduction, weight=weight)
            out.sum().backward()
            cases.append({'name': _encode.camel(name), 'reduction': reduction, 'out': enc(out), 'grad': enc(x.grad)})
    return {'input': enc(fixed([3, 4])), 'target': enc(fixed([3, 4], start=9)), 'weight': enc(fixed([3, 4], start=4).abs()), 'cases': cases}


def sparse():
    a = fixed([4, 5])
    a = a.where(a > 0, 0)
    b, c = fixed([5, 3], start=2), fixed([4, 3], start=8)
    results = {}
    for name, compute in {
        'mm': lambda s: torch.sparse.mm(s, b),
        'addmm': lambda s: torch.sparse.addmm(c, s, b, beta=0.5, alpha=2),
        'sumAll': lambda s: torch.sparse.sum(s),
        'sumRows': lambda s: torch.sparse.sum(s, dim=0).to_dense(),
        'softmax': lambda s: torch.sparse.softmax(s, 1).to_dense(),
        'logSoftmax': lambda s: torch.sparse.log_softmax(s, 0).to_dense(),
    }.items():
        s = a.to_sparse().requires_grad_()
        out = compute(s)
        out.mul(out).sum().backward()
        grad = s.grad.to_dense()
        results[name] = {'out': enc(out), 'grad': enc(grad)}
    return {'a': enc(a), 'b': enc(b), 'c': enc(c), 'results': results}


def embedding_steps():
    """SGD over the sparse gradients of an embedding, beside a dense parameter."""
    runs = []
    for kw in ({}, {'maximize': True}, {'momentum': 0.9}):
        e = nn.Embedding.from_pretrained(fixed([6, 2]), freeze=False, sparse=True)
        w = nn.Parameter(fixed([2], start=3))
        optimizer = torch.optim.SGD([e.weight, w], lr=0.1, foreach=False, **kw)
        for t in range(4):
            optimizer.zero_grad()
            (e(torch.tensor([t, 2 * t % 6, 1])) * w).pow(2).sum().backward()
            optimizer.step()
        runs.append({'options': kw, 'weight': enc(e.weight), 'dense': enc(w)})
    return {'start': enc(fixed([6, 2])), 'dense': enc(fixed([2], start=3)), 'runs': runs}


def sparse_methods():
    """SGD with momentum and Adagrad over the sparse gradients of an embedding, with their states."""
    runs = []
    for name, kw in [
        ('SGD', {'momentum': 0.9, 'dampening': 0.3}),
        ('SGD', {'momentum': 0.9, 'nesterov': True}),
        ('SGD', {'momentum': 0.5, 'maximize': True}),
        ('Adagrad', {}),
        ('Adagrad', {'lr_decay': 0.1, 'initial_accumulator_value': 0.2}),
        ('Adagrad', {'eps': 1e-3, 'maximize': True}),
    ]:
        for dtype in (torch.float64, torch.float32):
            e = nn.Embedding.from_pretrained(fixed([6, 2], dtype), freeze=False, sparse=True)
            w = nn.Parameter(fixed([2], dtype, start=3))
            optimizer = getattr(torch.optim, name)([e.weight, w], lr=0.1, foreach=False, **kw)
            for t in range(4):
                optimizer.zero_grad()
                (e(torch.tensor([t, 2 * t % 6, 1])) * w).pow(2).sum().backward()
                optimizer.step()
            state = {k: v.to_dense() if v.is_sparse else v for k, v in optimizer.state[e.weight].items()}
            runs.append({
                'name': name, 'options': {_encode.camel(k): v for k, v in kw.items()}, 'start': enc(fixed([6, 2], dtype)),
                'other': enc(fixed([2], dtype, start=3)), 'weight': enc(e.weight), 'dense': enc(w),
                'state': {k: enc(v) for k, v in state.items()},
            })
    return runs


def eigenvectors():
    """Gradients of eigenvalues and of squared eigenvectors, which do not depend on the signs, by lobpcg and by eigh."""
    base = fixed([10, 10], start=2)
    spd = base @ base.T + torch.diag(torch.arange(1.0, 11, dtype=torch.float64))
    weights = fixed([10, 3], start=7)
    cases = []
    for k, largest in [(1, True), (3, True), (2, False), (3, False)]:
        grads = []
        for method in ('lobpcg', 'eigh'):
            a = spd.clone().requires_grad_()
            symmetric = (a + a.T) / 2
            if method == 'lobpcg':
                torch.manual_seed(5)
                e, x = torch.lobpcg(symmetric, k=k, largest=largest, niter=500, tol=1e-13)
            else:
                e, x = torch.linalg.eigh(symmetric)
                e, x = (e.flip(0)[:k], x.flip(1)[:, :k]) if largest else (e[:k], x[:, :k])
            (e.square().sum() + (x.square() * weights[:, :k]).sum()).backward()
            grads.append(enc(a.grad))
        cases.append({'k': k, 'largest': largest, 'lobpcg': grads[0], 'eigh': grads[1]})
    return {'a': enc(spd), 'weights': enc(weights), 'cases': cases}


def norms():
    """torch.norm and its derivatives, reverse and forward."""
    import torch.autograd.forward_ad as fwad

    def maybe(t):
        return None if t is None else enc(t)

    x, tangent = fixed([3, 4], start=1), fixed([3, 4], start=9)
    cases = []
    for kw in [
        {}, {'p': 1}, {'p': 3}, {'p': 0}, {'p': math.inf}, {'p': -math.inf}, {'p': 'fro'}, {'p': 'nuc'}, {'p': None},
        {'dim': 1}, {'p': 1, 'dim': 0, 'keepdim': True}, {'p': 'fro', 'dim': [0, 1], 'keepdim': True},
        {'p': 'nuc', 'dim': [0, 1]}, {'p': 2, 'dim': [0, 1]}, {'p': 'fro', 'dtype': torch.float64, 'dim': -1},
    ]:
        leaf = x.clone().requires_grad_()
        out = leaf.norm(**kw)
        out.sum().backward()
        with fwad.dual_level():
            moved = fwad.unpack_dual(fwad.make_dual(x, tangent).norm(**kw)).tangent
        options = {k: str(v) if isinstance(v, float) else v for k, v in kw.items() if k != 'dtype'}
        cases.append({'options': options, 'out': enc(out), 'grad': maybe(leaf.grad), 'tangent': maybe(moved)})
    sparse = x.where(x > 0, 0).to_sparse()
    return {
        'x': enc(x), 'tangent': enc(tangent), 'cases': cases,
        'sparse': {'x': enc(sparse.to_dense()), 'two': enc(sparse.norm()), 'one': enc(sparse.norm(1))},
    }


def composites():
    """What PyTorch's Python makes of its arguments before it calls an operator."""
    a, b, c = fixed([2, 3]), fixed([3, 4], start=5), fixed([4, 2], start=9)
    cube, other = fixed([2, 3, 4], start=1), fixed([3, 2, 5], start=4)
    wave = fixed([2, 64], start=3)
    window = torch.hann_window(16, dtype=torch.float64)
    rows, more = fixed([30, 3], start=2), fixed([28, 3], start=8)
    spectrum = torch.stft(wave, 16, window=window, return_complex=True)
    values = {
        'einsum': torch.einsum('ij,jk,kl->il', a, b, c),
        'einsum of an array': torch.einsum('ij,jk->k', [a, b]),
        'einsum by numbers': torch.einsum(a, [0, 1], b, [1, 2], [2, 0]),
        'einsum by numbers without a result': torch.einsum(cube, [..., 1], b.T, [1, 30]),
        'tensordot': torch.tensordot(cube, torch.ones(3, 4, 2, dtype=torch.float64)),
        'tensordot of one dimension': torch.tensordot(a, b, 1),
        'tensordot of none': torch.tensordot(a, b, dims=0),
        'tensordot of lists': torch.tensordot(cube, other, ([1, 0], [0, 1])),
        'cdist': torch.cdist(rows, more),
        'cdist of 1': torch.cdist(rows, more, 1),
        'cdist with a product': torch.cdist(rows[:4], more, compute_mode='use_mm_for_euclid_dist'),
        'cdist without': torch.cdist(rows, more, compute_mode='donot_use_mm_for_euclid_dist'),
        'meshgrid': torch.stack(torch.meshgrid(a[0], b[0], indexing='ij')),
        'meshgrid by columns': torch.stack(torch.meshgrid([a[0], b[0]], indexing='xy')),
        'cartesianProd': torch.cartesian_prod(a[0], b[0], c[0]),
        'cartesianProd of one': torch.cartesian_prod(a[0]),
        'blockDiag': torch.block_diag(a, b, c[0], torch.tensor(2.0, dtype=torch.float64)),
        'broadcastTensors': torch.stack(torch.broadcast_tensors(a[:, :1], b[0])),
        'chainMatmul': torch.chain_matmul(a, b, c),
        'atleast3d': torch.atleast_3d(a),
        'atleast2d of several': torch.cat(torch.atleast_2d(a[0], a), dim=0),
        'split': torch.cat([x.sum(1) for x in torch.split(b, 3, dim=1)]),
        'split by sizes': torch.cat([x.sum(1) for x in b.split([1, 3], dim=1)]),
        'stft': torch.view_as_real(spectrum),
        'stft, other padding': torch.view_as_real(torch.stft(wave, 16, 5, 12, window[:12], pad_mode='constant', normalized=True, return_complex=True)),
        'stft, not centred': torch.view_as_real(torch.stft(wave[0], 16, center=False, onesided=False, window=window, return_complex=True)),
        'istft': torch.istft(spectrum, 16, window=window, length=60),
    }
    return {'inputs': {k: enc(v) for k, v in dict(a=a, b=b, c=c, cube=cube, other=other, wave=wave, window=window, rows=rows, more=more).items()},
            'values': {k: enc(v) for k, v in values.items()}}


def generate(out_dir) -> None:
    value = {
        'limits': limits(),
        'windows': windows(),
        'decompositions': decompositions(),
        'shapes': shapes(),
        'losses': losses(),
        'sparse': sparse(),
        'embedding': embedding_steps(),
        'sparseMethods': sparse_methods(),
        'eigenvectors': eigenvectors(),
        'norms': norms(),
        'composites': composites(),
    }
    _encode.write(out_dir / 'top_level.json', value)
