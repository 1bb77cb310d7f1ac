"""What functions that put a number into a tensor of an integer dtype make of it, or that they refuse it."""

import math
import pathlib

import _encode
import torch

DTYPES = ['uint8', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64']
INTEGERS = sorted(
    {
        sign * (2**bits + offset)
        for bits in (7, 8, 15, 16, 31, 32, 63, 64)
        for offset in (-1, 0, 1)
        for sign in (1, -1)
    }
    | {0, 1, -1, 300, -300, 2**53, 10**18, -(10**18), 10**30}
)
FLOATS = [0.5, -0.5, 1.5, 254.9, -1.5, 2.5e18, -2.5e18, 1e30, -1e30, 1e300, math.nan, math.inf, -math.inf]


def _set(x, v):
    x[0] = v
    return x


# Each is given a tensor of one element (fill_diagonal_ one by one) and the number.
FUNCTIONS = {
    'full': lambda x, v: torch.full([1], v, dtype=x.dtype),
    'full, out': lambda x, v: torch.full([1], v, out=x),
    'fullLike': lambda x, v: torch.full_like(x, v),
    'newFull': lambda x, v: x.new_full([1], v),
    'scalarTensor': lambda x, v: torch.scalar_tensor(v, dtype=x.dtype).reshape(1),
    'fill_': lambda x, v: x.fill_(v),
    'fill': lambda x, v: torch.fill(x, v),
    'maskedFill': lambda x, v: x.masked_fill(torch.tensor([True]), v),
    'maskedFill_': lambda x, v: x.masked_fill_(torch.tensor([True]), v),
    'indexFill': lambda x, v: x.index_fill(0, torch.tensor([0]), v),
    'indexFill_': lambda x, v: x.index_fill_(0, torch.tensor([0]), v),
    'fillDiagonal_': lambda x, v: x.view(1, 1).fill_diagonal_(v).view(1),
    'constantPadNd': lambda x, v: torch.constant_pad_nd(x, [1, -1], v),
    'scatter': lambda x, v: x.scatter(0, torch.tensor([0]), v),
    'scatter_': lambda x, v: x.scatter_(0, torch.tensor([0]), v),
    'threshold': lambda x, v: torch.threshold(x, 0, v),
    'assignment': _set,
    'tensor': lambda x, v: torch.tensor([v], dtype=x.dtype),
}


def _outcome(function, dtype: str, value) -> str | None:
    try:
        return str(function(torch.zeros([1], dtype=getattr(torch, dtype)), value).tolist()[0])
    except (RuntimeError, TypeError, ValueError, OverflowError, NotImplementedError):
        return None


def generate(out_dir: pathlib.Path) -> None:
    result = {
        'integers': [str(v) for v in INTEGERS],
        'floats': [str(v) for v in FLOATS],
    }
    for name, function in FUNCTIONS.items():
        for dtype in DTYPES:
            result[f'{name} {dtype}'] = [_outcome(function, dtype, v) for v in [*INTEGERS, *FLOATS]]
    _encode.write(out_dir / 'integers.json', result)
