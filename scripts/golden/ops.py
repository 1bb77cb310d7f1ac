"""Ops against PyTorch: test/golden/ops.json holds calls, their results, and the gradients of the results' sum.

A case is [function, arguments, keywords]; tensors are held by their bytes, dtypes by name. Functions are named as in
Python, `t.` before a method; TypeScript calls them by the same name in camel case.
"""

import functools
import math
import pathlib

import torch
import torch.nn.functional as F
from _encode import camel, tensor, write

G = torch.Generator().manual_seed(7)


def uniform(low, high, *shape, dtype=torch.float32):
    return (torch.rand(shape, generator=G, dtype=torch.float64) * (high - low) + low).to(dtype)


def grad(t):
    return t.requires_grad_()


def x(*shape):
    return grad(uniform(-2, 2, *(shape or (2, 3))))


def pos(*shape):
    return grad(uniform(0.2, 2, *(shape or (2, 3))))


def unit(*shape):
    return grad(uniform(-0.9, 0.9, *(shape or (2, 3))))


def d(*shape):
    return grad(uniform(-2, 2, *shape, dtype=torch.float64))


def ints(low, high, *shape):
    return torch.randint(low, high, shape, generator=G)


def bools(*shape):
    return torch.rand(shape, generator=G) > 0.5


def well(n=3):
    """A well-conditioned matrix in double precision."""
    return grad((uniform(-1, 1, n, n, dtype=torch.float64) + n * torch.eye(n, dtype=torch.float64)).detach())


def spd(n=3):
    a = uniform(-1, 1, n, n, dtype=torch.float64)
    return grad((a @ a.mT + torch.eye(n, dtype=torch.float64)).detach())


UNARY = {
    x: """abs absolute neg negative exp exp2 expm1 sin cos tan sinh cosh tanh atan arctan asinh arcsinh sigmoid square
        erf erfc sign sgn floor ceil round trunc fix frac positive rad2deg deg2rad relu selu sinc i0 nan_to_num
        isfinite isnan isinf isposinf isneginf isreal signbit logical_not real t fliplr flipud ravel numel
        is_nonzero.0 argwhere nonzero trace logsumexp.dim zeros_like ones_like clone angle conj conj_physical
        resolve_conj resolve_neg adjoint diagflat diag count_nonzero matrix_exp.sq det.sq logdet.pd inverse.sq
        pinverse.sq cov corrcoef msort std var mean sum prod amax.dim amin.dim max min median nanmean.dim nansum all any
        argmax argmin std_mean var_mean unbind atleast_1d atleast_2d atleast_3d tril triu diag_embed
        special.entr special.erf special.erfc special.expit special.expm1 special.exp2 special.i0 special.i0e special.i1
        special.i1e special.ndtr special.log_ndtr special.sinc special.psi special.gammaln special.bessel_j0
        special.bessel_j1 special.spherical_bessel_j0 special.airy_ai special.erfcx special.round
        F.relu F.relu6 F.elu F.selu F.celu F.gelu F.silu F.mish F.softplus F.softsign F.tanhshrink F.hardtanh F.hardswish
        F.hardsigmoid F.leaky_relu F.logsigmoid F.softshrink F.hardshrink F.tanh F.sigmoid F.normalize
        fft.fftshift.0 fft.ifftshift.0 fft.fft.0 fft.rfft.0 fft.ihfft.0 fft.fft2.0 fft.rfft2.0 fft.fftn.0 fft.rfftn.0""",
    pos: """log log2 log10 log1p sqrt rsqrt reciprocal digamma lgamma special.xlog1py.2 special.digamma special.log1p""",
    unit: """acos arccos asin arcsin atanh arctanh erfinv logit.1 special.erfinv special.ndtri.1 special.logit.1""",
}


def unary():
    cases = []
    for make, names in UNARY.items():
        for name in names.split():
            name, _, kind = name.partition('.') if not name.startswith(('special.', 'F.', 'fft.')) else split(name)
            if kind == 'dim':
                cases.append([name, [make()], {'dim': 1}])
            elif kind == 'sq':
                cases.append([name, [well()], {}])
            elif kind == 'pd':
                cases.append([name, [spd()], {}])
            elif kind == '1':
                cases.append([name, [grad(uniform(0.1, 0.9, 2, 3))], {}])
            elif kind == '2':
                cases.append([name, [pos(), pos()], {}])
            elif kind == '0' and name == 'is_nonzero':
                cases.append([name, [torch.tensor([1.5])], {}])
            else:
                cases.append([name, [make()], {}])
    return cases


def split(name):
    parts = name.split('.')
    kind = parts.pop() if len(parts) > 2 else ''
    return '.'.join(parts), '.', kind


BINARY = """add sub subtract mul multiply div divide true_divide atan2 arctan2 maximum minimum fmax fmin hypot logaddexp
    logaddexp2 copysign eq ne not_equal lt less le less_equal gt greater ge greater_equal isclose nextafter dist
    heaviside floor_divide fmod remainder ldexp logical_and logical_or logical_xor xlogy special.xlogy""".split()


def binary():
    cases = [[name, [x(), pos()], {}] for name in BINARY]
    cases += [[name, [x(2, 1, 3), pos(4, 1)], {}] for name in ['add', 'mul', 'sub', 'div', 'maximum']]
    cases += [[name, [x(), 2.5], {}] for name in ['add', 'sub', 'mul', 'div', 'pow', 'fmod', 'remainder', 'eq', 'lt', 'xlogy']]
    cases += [[name, [ints(-9, 9, 4), 3], {}] for name in ['add', 'sub', 'mul', 'div', 'pow', 'floor_divide', 'gt', 'bitwise_and', 'bitwise_or', 'bitwise_xor', 'bitwise_left_shift', 'bitwise_right_shift']]
    cases += [[name, [ints(1, 20, 5), ints(1, 20, 5)], {}] for name in ['gcd', 'lcm', 'bitwise_and', 'bitwise_or', 'add', 'div', 'remainder']]
    return cases + [
        ['pow', [pos(), x()], {}],
        ['pow', [2.5, x()], {}],
        ['float_power', [pos(), 3], {}],
        ['add', [x(), x()], {'alpha': 2}],
        ['sub', [x(), x()], {'alpha': 0.5}],
        ['div', [x(), pos()], {'rounding_mode': 'floor'}],
        ['div', [x(), pos()], {'rounding_mode': 'trunc'}],
        ['add', [ints(0, 9, 3), x(3)], {}],
        ['add', [bools(3), ints(0, 9, 3)], {}],
        ['mul', [ints(0, 9, 3), 1.5], {}],
        ['rsub', [x(), 2], {}],
        ['lerp', [x(), x(), 0.25], {}],
        ['lerp', [x(), x(), unit()], {}],
        ['clamp', [x(), -0.5, 0.5], {}],
        ['clamp', [x()], {'max': 1}],
        ['clamp', [x(), torch.zeros(3), torch.ones(3)], {}],
        ['clamp_min', [x(), 0], {}],
        ['bitwise_not', [ints(0, 9, 3)], {}],
        ['where', [bools(2, 3), x(), x()], {}],
        ['where', [bools(2, 3), x(), 0.5], {}],
        ['where', [bools(2, 3)], {}],
        ['addcmul', [x(), x(), x()], {'value': 0.5}],
        ['addcdiv', [x(), x(), pos()], {'value': 2}],
        ['allclose', [torch.ones(3), torch.ones(3)], {}],
        ['equal', [torch.ones(3), torch.zeros(3)], {}],
        ['isin', [ints(0, 9, 5), ints(0, 9, 3)], {}],
        ['igamma', [pos().detach(), pos().detach()], {}],
        ['polygamma', [2, pos()], {}],
        ['special.zeta', [pos().detach() + 1.5, pos().detach()], {}],
        ['complex', [x(), x()], {}],
        ['polar', [pos(), x()], {}],
    ]


def reductions():
    return [
        ['sum', [x()], {'dim': 0}],
        ['sum', [x(2, 3, 4)], {'dim': [0, 2], 'keepdim': True}],
        ['sum', [ints(0, 9, 3)], {}],
        ['sum', [x()], {'dtype': 'float64'}],
        ['mean', [x()], {'dim': 1, 'keepdim': True}],
        ['prod', [x()], {'dim': 1}],
        ['max', [x()], {'dim': 1}],
        ['min', [x()], {'dim': 0, 'keepdim': True}],
        ['median', [x()], {'dim': 1}],
        ['nanmedian', [x()], {'dim': 1}],
        ['mode', [ints(0, 3, 2, 5)], {}],
        ['argmax', [x()], {'dim': 1}],
        ['argmin', [x()], {'dim': 0, 'keepdim': True}],
        ['aminmax', [x()], {'dim': 1}],
        ['all', [bools(2, 3)], {'dim': 1}],
        ['any', [bools(2, 3)], {'dim': 0}],
        ['std', [x()], {'dim': 1}],
        ['std', [x()], {'dim': 1, 'correction': 0, 'keepdim': True}],
        ['var', [x()], {'dim': 0, 'unbiased': False}],
        ['var_mean', [x()], {'dim': 1}],
        ['norm', [x()], {}],
        ['norm', [x(), 1], {}],
        ['norm', [x(), 3, 1], {'keepdim': True}],
        ['cumsum', [x(), 1], {}],
        ['cumprod', [x(), 0], {}],
        ['cummax', [x(), 1], {}],
        ['cummin', [x(), 1], {}],
        ['logcumsumexp', [x(), 1], {}],
        ['logsumexp', [x(), [0, 1]], {}],
        ['softmax', [x(), 1], {}],
        ['log_softmax', [x(), 0], {}],
        ['sort', [x()], {'dim': 1, 'descending': True}],
        ['argsort', [x()], {'dim': 0}],
        ['topk', [x(2, 5), 2], {}],
        ['topk', [x(2, 5), 3], {'largest': False, 'dim': -1}],
        ['kthvalue', [x(2, 5), 2], {}],
        ['quantile', [x(), 0.3], {}],
        ['quantile', [x(), torch.tensor([0.25, 0.5])], {'dim': 1}],
        ['nanquantile', [x(), 0.5], {'dim': 0}],
        ['histc', [x().detach()], {'bins': 4, 'min': -2, 'max': 2}],
        ['histogram', [x().detach(), 3], {}],
        ['bincount', [ints(0, 5, 9)], {}],
        ['unique_consecutive', [torch.tensor([1, 1, 2, 2, 1])], {'return_inverse': True, 'return_counts': True}],
        ['unique', [torch.tensor([3, 1, 3])], {'return_counts': True}],
        ['unique', [ints(0, 2, 4, 2)], {'dim': 0, 'return_inverse': True}],
        ['searchsorted', [torch.tensor([1.0, 3.0, 5.0]), x()], {}],
        ['bucketize', [x(), torch.tensor([-1.0, 0.0, 1.0])], {}],
        ['diff', [x()], {}],
        ['trapezoid', [x()], {}],
        ['cumulative_trapezoid', [x()], {}],
        ['renorm', [x(), 2, 0, 1], {}],
    ]


def shapes():
    return [
        ['reshape', [x(), [3, 2]], {}],
        ['t.view', [x(), [6]], {}],
        ['t.view', [x(), 'int32'], {}],
        ['t.expand', [x(1, 3), [2, 3]], {}],
        ['t.repeat', [x(), [2, 1]], {}],
        ['t.unfold', [x(6), 0, 3, 2], {}],
        ['flatten', [x(2, 3, 4)], {'start_dim': 1}],
        ['flatten', [x(2, 3, 4), 0, 1], {}],
        ['unflatten', [x(6), 0, [2, 3]], {}],
        ['squeeze', [x(1, 3, 1)], {}],
        ['squeeze', [x(1, 3, 1), 0], {}],
        ['squeeze', [x(1, 3, 1), [0, 2]], {}],
        ['unsqueeze', [x(), 1], {}],
        ['transpose', [x(), 0, 1], {}],
        ['permute', [x(2, 3, 4), [2, 0, 1]], {}],
        ['movedim', [x(2, 3, 4), 0, 2], {}],
        ['movedim', [x(2, 3, 4), [0, 1], [2, 0]], {}],
        ['swapaxes', [x(2, 3), 0, 1], {}],
        ['cat', [[x(), x()]], {}],
        ['cat', [[x(), x()], 1], {}],
        ['stack', [[x(), x()]], {'dim': 1}],
        ['hstack', [[x(), x()]], {}],
        ['vstack', [[x(), x()]], {}],
        ['dstack', [[x(), x()]], {}],
        ['column_stack', [[x(3), x(3)]], {}],
        ['split', [x(5, 2), 2], {}],
        ['split', [x(5, 2), [1, 4]], {}],
        ['chunk', [x(5, 2), 2], {}],
        ['tensor_split', [x(5, 2), 3], {}],
        ['tensor_split', [x(5, 2), [1, 3]], {}],
        ['hsplit', [x(2, 4), 2], {}],
        ['unbind', [x()], {'dim': 1}],
        ['select', [x(), 1, 2], {}],
        ['narrow', [x(), 1, 1, 2], {}],
        ['index_select', [x(), 1, torch.tensor([2, 0])], {}],
        ['masked_select', [x(), bools(2, 3)], {}],
        ['masked_fill', [x(), bools(2, 3), 0.5], {}],
        ['take', [x(), torch.tensor([0, 5])], {}],
        ['take_along_dim', [x(), torch.tensor([[0], [2]]), 1], {}],
        ['gather', [x(), 1, torch.tensor([[0, 0], [2, 1]])], {}],
        ['scatter', [x(), 1, torch.tensor([[0, 1], [2, 0]]), x(2, 2)], {}],
        ['scatter', [x(), 1, torch.tensor([[0, 1], [2, 0]]), 0.5], {}],
        ['scatter_add', [x(), 1, torch.tensor([[0, 1], [2, 0]]), x(2, 2)], {}],
        ['scatter_reduce', [x(), 1, torch.tensor([[0, 1], [2, 0]]), x(2, 2)], {'reduce': 'amax'}],
        ['index_add', [x(), 0, torch.tensor([1, 1]), x(2, 3)], {'alpha': 2}],
        ['index_copy', [x(), 0, torch.tensor([1]), x(1, 3)], {}],
        ['index_fill', [x(), 1, torch.tensor([0, 2]), 9], {}],
        ['select_scatter', [x(), x(3), 0, 1], {}],
        ['slice_scatter', [x(), x(1, 3)], {'start': 1}],
        ['diagonal_scatter', [x(3, 3), x(3)], {}],
        ['masked_scatter', [x(), bools(2, 3), x(6)], {}],
        ['diagonal', [x(3, 4)], {'offset': 1}],
        ['diag', [x(3)], {'diagonal': 1}],
        ['tril', [x(3, 3)], {'diagonal': -1}],
        ['triu', [x(3, 3), 1], {}],
        ['flip', [x(), [0, 1]], {}],
        ['roll', [x(), 1], {}],
        ['roll', [x(), [1, -1]], {'dims': [0, 1]}],
        ['rot90', [x()], {}],
        ['tile', [x(), [2, 2]], {}],
        ['repeat_interleave', [x(), 2], {'dim': 1}],
        ['repeat_interleave', [x(3), torch.tensor([1, 2, 0])], {}],
        ['broadcast_to', [x(3), [2, 3]], {}],
        ['broadcast_tensors', [[x(3), x(2, 1)]], {}],
        ['meshgrid', [[x(2), x(3)]], {'indexing': 'ij'}],
        ['cartesian_prod', [[x(2), x(2)]], {}],
        ['combinations', [x(4), 2], {}],
        ['block_diag', [[x(2, 2), x(1, 3)]], {}],
        ['view_as_real', [torch.tensor([1 + 2j, 3 - 1j])], {}],
        ['view_as_complex', [x(3, 2)], {}],
        ['tril_indices', [3, 3], {}],
        ['vander', [x(3).detach()], {}],
        ['as_strided', [x(), [2, 2], [1, 2]], {}],
        ['t.to', [x(), 'float64'], {}],
        ['t.to', [x(), 'int64'], {}],
        ['t.type_as', [x(), d(1)], {}],
        ['t.add_', [x().detach(), x()], {}],
        ['t.mul_', [x().detach(), 2], {}],
        ['t.zero_', [x().detach()], {}],
        ['t.fill_', [x().detach(), 3], {}],
        ['t.clamp_', [x().detach(), 0], {}],
        ['t.copy_', [x().detach(), x(3)], {}],
        ['t.addcmul_', [x().detach(), x(), x()], {'value': 2}],
        ['t.index_add_', [x().detach(), 0, torch.tensor([1]), x(1, 3)], {}],
        ['t.masked_fill_', [x().detach(), bools(2, 3), -1], {}],
        ['t.new_zeros', [x(), [2]], {}],
        ['t.new_full', [d(1), [2], 3], {}],
    ]


def creation():
    return [
        ['zeros', [[2, 3]], {}],
        ['ones', [[2]], {'dtype': 'int64'}],
        ['eye', [3], {}],
        ['eye', [2, 3], {}],
        ['arange', [5], {}],
        ['arange', [1, 7, 2], {}],
        ['arange', [0, 1, 0.25], {}],
        ['linspace', [0, 1, 5], {}],
        ['logspace', [0, 2, 3], {'base': 2}],
        ['full_like', [x(), 2], {}],
        ['hann_window', [5], {}],
        ['hamming_window', [5, False], {}],
        ['bartlett_window', [4], {}],
        ['blackman_window', [4], {}],
        ['kaiser_window', [4, True], {}],
        ['promote_types', ['int64', 'float32'], {}],
        ['can_cast', ['float32', 'int64'], {}],
        ['result_type', [ints(0, 2, 2), 2.5], {}],
        ['fft.fftfreq', [5], {}],
        ['fft.rfftfreq', [5, 0.5], {}],
    ]


def linear_algebra():
    return [
        ['matmul', [x(2, 3), x(3, 2)], {}],
        ['matmul', [x(4, 2, 3), x(3)], {}],
        ['mm', [x(2, 3), x(3, 2)], {}],
        ['bmm', [x(2, 2, 3), x(2, 3, 2)], {}],
        ['mv', [x(2, 3), x(3)], {}],
        ['dot', [x(3), x(3)], {}],
        ['vdot', [x(3), x(3)], {}],
        ['inner', [x(2, 3), x(3)], {}],
        ['outer', [x(2), x(3)], {}],
        ['ger', [x(2), x(3)], {}],
        ['kron', [x(2, 2), x(1, 2)], {}],
        ['addmm', [x(2, 2), x(2, 3), x(3, 2)], {'beta': 0.5, 'alpha': 2}],
        ['addmv', [x(2), x(2, 3), x(3)], {}],
        ['addr', [x(2, 3), x(2), x(3)], {}],
        ['addbmm', [x(2, 2), x(2, 2, 3), x(2, 3, 2)], {}],
        ['baddbmm', [x(2, 2, 2), x(2, 2, 3), x(2, 3, 2)], {}],
        ['chain_matmul', [[x(2, 3), x(3, 2), x(2, 1)]], {}],
        ['einsum', ['ij,jk->ik', [x(2, 3), x(3, 2)]], {}],
        ['einsum', ['bij->b', [x(2, 3, 3)]], {}],
        ['tensordot', [x(2, 3), x(3, 2), [1], [0]], {}],
        ['cross', [x(2, 3), x(2, 3)], {}],
        ['cdist', [x(2, 3), x(4, 3)], {}],
        ['matrix_power', [well(), 3], {}],
        ['slogdet', [well()], {}],
        ['cholesky', [spd()], {}],
        ['linalg.cholesky', [spd()], {}],
        ['linalg.inv', [well()], {}],
        ['linalg.det', [well()], {}],
        ['linalg.slogdet', [well()], {}],
        ['linalg.solve', [well(), d(3, 2)], {}],
        ['linalg.eigvalsh', [spd()], {}],
        ['linalg.svdvals', [well()], {}],
        ['linalg.matrix_norm', [well()], {}],
        ['linalg.matrix_norm', [well(), 1], {}],
        ['linalg.matrix_norm', [well(), 'nuc'], {}],
        ['linalg.norm', [d(3, 3)], {}],
        ['linalg.norm', [d(3, 3), 'fro'], {}],
        ['linalg.norm', [d(4), 3], {}],
        ['linalg.vector_norm', [d(3, 4)], {'ord': 1, 'dim': 1}],
        ['linalg.vector_norm', [d(3, 4), 2], {'dim': [0, 1], 'keepdim': True}],
        ['linalg.matrix_rank', [well().detach()], {}],
        ['linalg.matrix_exp', [well()], {}],
        ['linalg.matrix_power', [well(), -1], {}],
        ['linalg.multi_dot', [[d(2, 3), d(3, 2), d(2)]], {}],
        ['linalg.pinv', [well()], {}],
        ['linalg.cross', [d(2, 3), d(2, 3)], {}],
        ['linalg.vecdot', [d(2, 3), d(2, 3)], {}],
        ['linalg.diagonal', [d(3, 3)], {}],
        ['linalg.cond', [well()], {}],
        ['linalg.solve_triangular', [well().detach().triu(), d(3, 2)], {'upper': True}],
        ['linalg.lu_factor', [well()], {}],
        ['linalg.vander', [d(3)], {}],
        ['linalg.tensorinv', [well(4).detach().reshape(2, 2, 2, 2)], {'ind': 2}],
        ['cholesky_solve', [d(3, 1), spd().detach()], {}],
        ['cholesky_inverse', [spd().detach()], {}],
        ['triangular_solve', [d(3, 1), well().detach().triu()], {}],
        ['trapz', [d(2, 3)], {}],
        ['fft.ifft', [torch.tensor([1 + 2j, 3 - 1j, 0.5j])], {}],
        ['fft.irfft', [torch.tensor([1 + 0j, 3 - 1j, 0.5 + 0j])], {'n': 4}],
        ['fft.hfft', [torch.tensor([1 + 0j, 3 - 1j, 0.5 + 0j])], {}],
        ['fft.fft', [x(4)], {'norm': 'ortho'}],
        ['stft', [x(16), 4], {'return_complex': True}],
        ['stft', [x(16), 4, 2], {'return_complex': True, 'center': False}],
        ['fft.fft2', [x(2, 4)], {'dim': [0, 1]}],
        ['special.logsumexp', [x(), 1], {}],
        ['special.softmax', [x(), 1], {}],
        ['special.polygamma', [1, pos()], {}],
        ['special.multigammaln', [pos().detach() + 2, 2], {}],
        ['special.gammainc', [pos().detach(), pos().detach()], {}],
    ]


def functional():
    logits, classes = functools.partial(x, 4, 3), functools.partial(ints, 0, 3, 4)
    image = functools.partial(x, 2, 2, 5, 5)
    scores = torch.tensor([1.0, -1.0, 1.0])
    return [
        ['F.linear', [x(2, 3), x(4, 3), x(4)], {}],
        ['F.linear', [x(2, 3), x(4, 3)], {}],
        ['F.bilinear', [x(2, 3), x(2, 2), x(2, 3, 2), x(2)], {}],
        ['F.conv1d', [x(2, 2, 5), x(3, 2, 3), x(3)], {'padding': 1}],
        ['F.conv2d', [image(), x(3, 2, 3, 3), x(3)], {'stride': 2, 'padding': 1}],
        ['F.conv2d', [image(), x(4, 1, 2, 2)], {'groups': 2, 'dilation': [1, 2]}],
        ['F.conv2d', [image(), x(3, 2, 3, 3)], {'padding': 'same'}],
        ['F.conv3d', [x(1, 2, 3, 3, 3), x(2, 2, 2, 2, 2)], {}],
        ['F.conv_transpose2d', [x(1, 2, 3, 3), x(2, 2, 2, 2)], {'stride': 2}],
        ['F.avg_pool2d', [image(), 2], {}],
        ['F.avg_pool1d', [x(1, 2, 6), 3], {'stride': 2, 'padding': 1}],
        ['F.max_pool2d', [image(), 2], {}],
        ['F.max_pool2d', [image(), [3, 2]], {'stride': 1, 'padding': 1, 'ceil_mode': True}],
        ['F.max_pool1d', [x(1, 2, 6), 2], {}],
        ['F.max_pool3d', [x(1, 1, 4, 4, 4), 2], {}],
        ['F.adaptive_avg_pool2d', [image(), [2, 3]], {}],
        ['F.adaptive_avg_pool1d', [x(1, 2, 6), 3], {}],
        ['F.adaptive_max_pool2d', [image(), 2], {}],
        ['F.adaptive_max_pool1d', [x(1, 2, 6), 2], {}],
        ['F.lp_pool2d', [pos(1, 2, 4, 4), 2, 2], {}],
        ['F.lp_pool1d', [pos(1, 2, 4), 3, 2], {'stride': 1}],
        ['F.max_unpool2d', [x(1, 1, 2, 2), torch.tensor([[[[0, 3], [9, 10]]]]), 2], {}],
        ['F.unfold', [image(), 3], {'stride': 2}],
        ['F.fold', [x(1, 8, 4), [3, 3], 2], {}],
        ['F.pad', [x(), [1, 2]], {}],
        ['F.pad', [x(), [1, 0, 0, 1], 'constant', 2.5], {}],
        ['F.pad', [x(1, 2, 3), [1, 1]], {'mode': 'reflect'}],
        ['F.pixel_shuffle', [x(1, 4, 2, 2), 2], {}],
        ['F.pixel_unshuffle', [x(1, 1, 4, 4), 2], {}],
        ['F.interpolate', [image()], {'scale_factor': 2}],
        ['F.interpolate', [image()], {'size': [3, 7], 'mode': 'bilinear', 'align_corners': False}],
        ['F.interpolate', [image()], {'size': 4, 'mode': 'bicubic', 'align_corners': True}],
        ['F.interpolate', [x(1, 2, 6)], {'scale_factor': 0.5, 'mode': 'linear', 'align_corners': False}],
        ['F.interpolate', [image()], {'size': 3, 'mode': 'nearest-exact'}],
        ['F.interpolate', [image()], {'size': [2, 3], 'mode': 'area'}],
        ['F.interpolate', [image()], {'size': 3, 'mode': 'bilinear', 'align_corners': False, 'antialias': True}],
        ['F.grid_sample', [x(1, 2, 4, 4), unit(1, 3, 3, 2)], {'align_corners': False}],
        ['F.grid_sample', [x(1, 2, 4, 4), unit(1, 2, 2, 2)], {'mode': 'nearest', 'padding_mode': 'border', 'align_corners': True}],
        ['F.affine_grid', [x(1, 2, 3), [1, 1, 2, 3]], {'align_corners': False}],
        ['F.layer_norm', [x(2, 4), [4], x(4), x(4)], {'eps': 1e-3}],
        ['F.layer_norm', [x(2, 4), [4]], {}],
        ['F.group_norm', [x(2, 4, 3), 2], {}],
        ['F.rms_norm', [x(2, 4), [4]], {'eps': 1e-6}],
        ['F.batch_norm', [x(4, 3), torch.zeros(3), torch.ones(3)], {'weight': x(3), 'bias': x(3)}],
        ['F.batch_norm', [x(4, 3), None, None], {'training': True}],
        ['F.instance_norm', [x(2, 3, 4)], {}],
        ['F.local_response_norm', [x(2, 4, 3), 3], {}],
        ['F.local_response_norm', [image(), 2], {'alpha': 0.1}],
        ['F.normalize', [x(2, 3)], {'p': 1, 'dim': 0}],
        ['F.embedding', [ints(0, 5, 2, 3), x(5, 2)], {}],
        ['F.embedding', [ints(0, 5, 2, 3), x(5, 2)], {'padding_idx': -1, 'scale_grad_by_freq': True}],
        ['F.embedding_bag', [ints(0, 5, 2, 3), x(5, 2)], {'mode': 'sum'}],
        ['F.embedding_bag', [ints(0, 5, 6), x(5, 2)], {'offsets': torch.tensor([0, 2])}],
        ['F.one_hot', [ints(0, 3, 4)], {'num_classes': 4}],
        ['F.cosine_similarity', [x(), x()], {'dim': 0}],
        ['F.pairwise_distance', [x(), x()], {'p': 1}],
        ['F.pdist', [x(4, 2)], {}],
        ['F.glu', [x(2, 4)], {}],
        ['F.gelu', [x()], {'approximate': 'tanh'}],
        ['F.elu', [x()], {'alpha': 0.5}],
        ['F.leaky_relu', [x()], {'negative_slope': 0.2}],
        ['F.hardtanh', [x(), -0.5, 0.5], {}],
        ['F.threshold', [x(), 0.1, 9], {}],
        ['F.prelu', [x(), torch.tensor([0.25])], {}],
        ['F.softplus', [x()], {'beta': 2}],
        ['F.softmax', [x()], {'dim': 1}],
        ['F.softmin', [x()], {'dim': 1}],
        ['F.log_softmax', [x()], {'dim': 0}],
        ['F.dropout', [x()], {'p': 0.5, 'training': False}],
        ['F.dropout', [x()], {'p': 1}],
        ['F.scaled_dot_product_attention', [x(1, 2, 3, 4), x(1, 2, 3, 4), x(1, 2, 3, 4)], {}],
        ['F.scaled_dot_product_attention', [x(1, 2, 3, 4), x(1, 2, 3, 4), x(1, 2, 3, 4)], {'is_causal': True, 'scale': 0.3}],
        ['F.mse_loss', [x(), x()], {}],
        ['F.mse_loss', [x(), x()], {'reduction': 'none'}],
        ['F.l1_loss', [x(), x()], {'reduction': 'sum'}],
        ['F.smooth_l1_loss', [x(), x()], {'beta': 0.5}],
        ['F.smooth_l1_loss', [x(), x()], {'beta': 0}],
        ['F.huber_loss', [x(), x()], {'delta': 0.7}],
        ['F.cross_entropy', [logits(), classes()], {}],
        ['F.cross_entropy', [logits(), classes()], {'weight': torch.tensor([1.0, 2.0, 0.5]), 'label_smoothing': 0.1}],
        ['F.cross_entropy', [logits(), classes()], {'ignore_index': 1, 'reduction': 'sum'}],
        ['F.cross_entropy', [logits(), torch.full((4, 3), 1 / 3)], {}],
        ['F.nll_loss', [logits(), classes()], {}],
        ['F.nll_loss', [x(2, 3, 4), ints(0, 3, 2, 4)], {'reduction': 'none'}],
        ['F.binary_cross_entropy', [grad(uniform(0.1, 0.9, 2, 3)), uniform(0, 1, 2, 3)], {}],
        ['F.binary_cross_entropy', [grad(uniform(0.1, 0.9, 2, 3)), uniform(0, 1, 2, 3)], {'weight': torch.tensor([1.0, 2.0, 3.0])}],
        ['F.binary_cross_entropy_with_logits', [x(), uniform(0, 1, 2, 3)], {'pos_weight': torch.tensor([1.0, 2.0, 3.0])}],
        ['F.kl_div', [x(), uniform(0.1, 1, 2, 3)], {'reduction': 'batchmean'}],
        ['F.kl_div', [x(), x()], {'log_target': True, 'reduction': 'sum'}],
        ['F.poisson_nll_loss', [x(), uniform(0, 3, 2, 3)], {'full': True}],
        ['F.gaussian_nll_loss', [x(), x(), pos()], {}],
        ['F.gaussian_nll_loss', [x(), x(), pos(2)], {'full': True, 'reduction': 'none'}],
        ['F.cosine_embedding_loss', [x(3, 2), x(3, 2), scores], {'margin': 0.2}],
        ['F.hinge_embedding_loss', [x(3), scores], {}],
        ['F.margin_ranking_loss', [x(3), x(3), scores], {'margin': 0.5}],
        ['F.multi_margin_loss', [logits(), classes()], {'p': 2}],
        ['F.multilabel_margin_loss', [x(1, 3), torch.tensor([[0, 2, -1]])], {}],
        ['F.multilabel_soft_margin_loss', [logits(), bools(4, 3).float()], {}],
        ['F.soft_margin_loss', [x(3), scores], {}],
        ['F.triplet_margin_loss', [x(), x(), x()], {'swap': True}],
        ['F.triplet_margin_with_distance_loss', [x(), x(), x()], {}],
        ['F.ctc_loss', [x(4, 1, 3), torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2])], {}],
        ['F.ctc_loss', [x(4, 1, 3), torch.tensor([[1, 2]]), [4], [2]], {'reduction': 'sum'}],
    ]


def encode(value):
    if torch.is_tensor(value):
        return tensor(value.resolve_conj().resolve_neg()) | ({'grad': True} if value.requires_grad else {})
    if isinstance(value, torch.dtype):
        return {'dtype_name': str(value).removeprefix('torch.')}
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    return value


def to_python(value):
    return getattr(torch, value) if isinstance(value, str) and isinstance(getattr(torch, value, None), torch.dtype) else value


def call(name, args, keywords):
    args = [to_python(a) for a in args]
    keywords = {k: to_python(v) for k, v in keywords.items()}
    if name.startswith('t.'):
        return getattr(args[0], name[2:])(*args[1:], **keywords)
    function = getattr(F, name[2:]) if name.startswith('F.') else functools.reduce(getattr, name.split('.'), torch)
    if name == 'einsum':
        return function(args[0], *args[1], **keywords)
    if name in ('meshgrid', 'cartesian_prod', 'block_diag', 'broadcast_tensors', 'chain_matmul'):
        return function(*args[0], **keywords)
    if name == 'tensordot':
        return function(args[0], args[1], dims=(args[2], args[3]))
    return function(*args, **keywords)


def flat(value):
    if torch.is_tensor(value):
        return [value]
    return [t for v in value for t in flat(v)] if isinstance(value, (list, tuple)) else []


# PyTorch knows no derivative of these, or none for one of their arguments.
NOT_DIFFERENTIABLE = {'floor_divide', 'heaviside', 'nextafter'}


def gradients(name, total, leaves):
    if name in NOT_DIFFERENTIABLE:
        return []
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [None if g is None else tensor(g.resolve_conj()) for g in found]


def run(case):
    name, args, keywords = case
    given = [encode(to_python(a)) for a in args]  # before an in-place op changes them
    named = {camel(k): encode(to_python(v)) for k, v in keywords.items()}
    result = call(name, args, keywords)
    outputs = [t for t in flat(result) if t.requires_grad and (t.is_floating_point() or t.is_complex())]
    leaves = [t for t in flat(args) + flat(list(keywords.values())) if t.requires_grad and t.is_leaf]
    grads = []
    if outputs and leaves:
        total = sum(o.real.sum() + o.imag.sum() if o.is_complex() else o.sum() for o in outputs)
        grads = gradients(name, total, leaves)
    if isinstance(result, float) and not math.isfinite(result):
        raise ValueError(name)
    return {'call': camel(name), 'args': given, 'options': named, 'result': encode(result), 'grads': grads}


def generate(out_dir: pathlib.Path) -> None:
    cases = unary() + binary() + reductions() + shapes() + creation() + linear_algebra() + functional()
    write(out_dir / 'ops.json', [run(case) for case in cases])
