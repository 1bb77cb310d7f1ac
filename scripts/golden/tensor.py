"""Random streams of seeds, and float32 numbers as the narrower dtypes round them."""

import torch

import _encode

SEEDS = [0, 1, 42, 2**32, 2**53 - 1, 2**63, 2**64 - 1, -1]

STREAM = {
    'randn': lambda g: torch.randn([5], generator=g),
    'randnMany': lambda g: torch.randn([17], generator=g),
    'rand': lambda g: torch.rand([3], generator=g),
    'randDouble': lambda g: torch.rand([2], dtype=torch.float64, generator=g),
    'randint': lambda g: torch.randint(-5, 1000, [4], generator=g),
    'randperm': lambda g: torch.randperm(7, generator=g),
    'bernoulli': lambda g: torch.empty([6]).bernoulli_(0.3, generator=g),
    'normal': lambda g: torch.empty([3], dtype=torch.float64).normal_(2, 0.5, generator=g),
    'exponential': lambda g: torch.empty([3]).exponential_(1.5, generator=g),
    'multinomial': lambda g: torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 5, True, generator=g),
}

NUMBERS = [0.0, -0.0, 1.0, 1 / 3, -2.5, 1e-8, 65504.0, 65520.0, 3e38, 448.0, 57344.0, 0.1, 6e-8, 1e-40]
NUMBERS += [float('inf'), float('-inf'), float('nan')]
NARROW = ['float16', 'bfloat16', 'float8_e5m2', 'float8_e4m3fn']


def stream(seed: int) -> dict:
    own = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    for draw in STREAM.values():
        if not draw(None).equal(draw(own)):
            raise AssertionError('an own generator differs from the default one')
    own.manual_seed(seed)
    draws = {name: _encode.tensor(draw(own)) for name, draw in STREAM.items()}
    return {'seed': str(seed), 'initial': str(own.initial_seed()), 'draws': draws}


def generate(out_dir) -> None:
    numbers = torch.tensor(NUMBERS)
    value = {
        'streams': [stream(s) for s in SEEDS],
        'numbers': _encode.tensor(numbers),
        'narrow': {name: _encode.tensor(numbers.to(getattr(torch, name)).float()) for name in NARROW},
    }
    _encode.write(out_dir / 'tensor.json', value)
