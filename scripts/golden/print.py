"""How PyTorch prints tensors: test/golden/print.json holds the tensors' bytes and the text."""

import math
import pathlib

import torch
from _encode import tensor, write

inf, nan = math.inf, math.nan


def cases() -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    randn = lambda *size: torch.randn(*size, generator=g)  # noqa: E731
    numbers = [
        torch.tensor(3.0),
        torch.tensor(2.5),
        torch.tensor(-0.0),
        torch.tensor(nan),
        torch.tensor(-inf),
        torch.tensor([1.0, 2.0, 3.0]),
        torch.tensor([1.0, -2.5, 3.14159265]),
        torch.tensor([0.0, -0.0]),
        torch.tensor([0.0, -0.0, 0.5]),
        torch.tensor([1.0, nan, inf]),
        torch.tensor([1.5, nan, -inf]),
        torch.tensor([nan, nan]),
        torch.tensor([1e-5, 1.0]),
        torch.tensor([1e-5]),
        torch.tensor([1e8, 1.0]),
        torch.tensor([1e9, 2e9]),
        torch.tensor([123456.0, 1.0]),
        torch.tensor([1000.0, 1.0]),
        torch.tensor([1001.0, 1.0]),
        torch.tensor([1001.5, 1.0, nan, -inf]),
        torch.tensor([0.03125, 0.09375, 0.15625, -0.03125]),  # ties
        torch.tensor([1.00005, 0.5, 2.5]),
        torch.tensor([99999.5, 12345.03125]),
        torch.tensor([3.40282347e38, 1.17549435e-38, 1.4e-45]),
        torch.tensor([1e300, 1e-300, 123456789.0], dtype=torch.float64),
        torch.tensor([0.1, 0.2, 1 / 3], dtype=torch.float64),
        torch.tensor([0.1, 65504.0, 6e-8], dtype=torch.float16),
        torch.tensor([0.1, 3.0, -1e30], dtype=torch.bfloat16),
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
    ]
    others = [
        torch.tensor(7),
        torch.tensor([1, -20, 300]),
        torch.tensor([2**62, -(2**63), 0]),
        torch.tensor([1, 2], dtype=torch.int32),
        torch.tensor([[1], [255]], dtype=torch.uint8),
        torch.tensor([-128, 127], dtype=torch.int8),
        torch.tensor([-32768, 5], dtype=torch.int16),
        torch.tensor(True),
        torch.tensor([True, False]),
        torch.tensor([[True, True], [True, True]]),
        torch.tensor(1 + 2j),
        torch.tensor([1 + 2j, -0.5 - 1e-3j]),
        torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex128),
        torch.tensor([[complex(nan, inf), complex(0.0, -0.0)]]),
        torch.complex(randn(3, 4), randn(3, 4)),
    ]
    shapes = [
        torch.zeros(0),
        torch.zeros(0, 3),
        torch.zeros(2, 0, dtype=torch.int64),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, dtype=torch.bool),
        torch.zeros(1, 1, 1),
        torch.arange(30),
        torch.arange(1000),
        torch.arange(1001),
        torch.arange(1001.0),
        randn(3),
        randn(20),
        randn(2, 3),
        randn(3, 11),
        randn(2, 3, 4),
        randn(2, 2, 2, 2),
        randn(4, 5) * 1e5,
        randn(40, 40),
        randn(2, 600),
        randn(200, 7),
        randn(11, 11, 11),
        randn(8, 2, 100),
        torch.ones(40, 40, dtype=torch.bool),
        torch.arange(2000, dtype=torch.int32).reshape(20, 100),
        torch.complex(randn(50, 30), randn(50, 30)),
        torch.eye(4),
    ]
    return numbers + others + shapes


def with_graph() -> list[dict]:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    m = torch.arange(12.0, dtype=torch.float64).reshape(3, 4).requires_grad_()
    wide = torch.linspace(0, 1, 9, requires_grad=True)
    return [
        {'expression': 'x', 'text': repr(x)},
        {'expression': 'x + x', 'text': repr(x + x)},
        {'expression': 'x.sum()', 'text': repr(x.sum())},
        {'expression': 'm', 'text': repr(m)},
        {'expression': 'm * m', 'text': repr(m * m)},
        {'expression': 'wide', 'text': repr(wide)},
        {'expression': 'wide.exp()', 'text': repr(wide.exp())},
        {'expression': 'x.view(2, 1)', 'text': repr(x.view(2, 1))},
    ]


def sparse() -> list[dict]:
    coo = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    csr = torch.tensor([[0.0, 1.0], [2.0, 0.0]]).to_sparse_csr()
    empty = torch.sparse_coo_tensor(torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0), (2, 3))
    return [{'expression': name, 'text': repr(t)} for name, t in {'coo': coo, 'csr': csr, 'empty': empty}.items()]


def kinds() -> dict[str, str]:
    """Tensors that are more than their elements."""
    eye = torch.eye(2)
    matrix = torch.tensor([[1.0, -2.5], [3.0, 0.26]])
    scales, whole, half = torch.tensor([0.1, 0.25]), torch.tensor([0, 1]), torch.tensor([0.0, 0.5])
    per_tensor = lambda t, scale, zero, dtype: torch.quantize_per_tensor(t, scale, zero, dtype)  # noqa: E731
    made = {
        'quint8': per_tensor(torch.tensor([1.0, 2.0]), 0.1, 0, torch.quint8),
        'qint8': per_tensor(matrix, 0.5, 3, torch.qint8),
        'qint32': per_tensor(matrix, 0.5, -1, torch.qint32),
        'small scale': per_tensor(torch.tensor([1.0, 2.0]), 1e-7, 0, torch.quint8),
        'quantized scalar': per_tensor(torch.tensor(1.5), 0.1, 3, torch.quint8),
        'quantized, empty': per_tensor(torch.zeros(0), 0.1, 0, torch.quint8),
        'many quantized': per_tensor(torch.arange(1200.0).reshape(2, 600), 10.0, 0, torch.quint8),
        'per channel': torch.quantize_per_channel(matrix, scales, whole, 0, torch.qint8),
        'per channel, fractions': torch.quantize_per_channel(matrix, scales, half, 1, torch.quint8),
        'csc': eye.to_sparse_csc(),
        'bsr': eye.to_sparse_bsr((1, 1)),
        'complex sparse': eye.to(torch.complex64).to_sparse(),
        'sparse with a gradient': eye.to_sparse().requires_grad_(),
        'meta': torch.empty(2, 3, device='meta', dtype=torch.int64),
        'sparse meta': eye.to_sparse().to('meta'),
        'csr meta': eye.to_sparse_csr().to('meta'),
        'conjugate': torch.tensor([1 + 2j]).conj(),
        'negative view': torch.tensor([1 + 2j]).conj().imag,
        'float8_e4m3fn': eye.to(torch.float8_e4m3fn),
        'float8_e5m2': eye.to(torch.float8_e5m2),
        'uint16': torch.tensor([1, 2], dtype=torch.uint16),
        'complex32': torch.tensor([1 + 2j], dtype=torch.complex32),
    }
    return {name: repr(t) for name, t in made.items()}


def options() -> list[dict]:
    t = torch.linspace(-1, 1, 13, dtype=torch.float64).reshape(1, 13) * 1234.5
    result = []
    for given in [
        {'precision': 2},
        {'precision': 0},
        {'sci_mode': True},
        {'sci_mode': False},
        {'linewidth': 40},
        {'threshold': 5},
        {'threshold': 5, 'edgeitems': 1},
        {'profile': 'short'},
        {'profile': 'full'},
    ]:
        torch.set_printoptions(**given)
        result.append({'options': given, 'text': repr(t)})
        torch.set_printoptions(profile='default')
    return [{'tensor': tensor(t)}, *result]


def floats() -> list[str]:
    """Python's repr of floats, as modules and distributions print them."""
    powers = [10.0**e for e in range(-8, 25)]
    digits = [1 / 3, 0.1 + 0.2, 2 / 3 * 1e-4, 2 / 3 * 1e16, 123456.789, 9999999999999998.0, 5e-324, 1.7976931348623157e308]
    signed = [*powers, *digits, 0.0, 1.0, float('inf')]
    return [repr(x) for x in [*signed, *(-x for x in signed), float('nan')]]


def generate(out_dir: pathlib.Path) -> None:
    tensors = [{'tensor': tensor(t), 'text': repr(t)} for t in cases()]
    parts = {'graph': with_graph(), 'sparse': sparse(), 'kinds': kinds(), 'options': options(), 'floats': floats()}
    write(out_dir / 'print.json', {'tensors': tensors, **parts})
