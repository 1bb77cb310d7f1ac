"""What Python's t[...] returns and writes: test/golden/indexing.json. Indices are in TypeScript's notation."""

import pathlib

import torch
from _encode import tensor, write


def to_python(index):
    """One index of the JSON as the object between Python's brackets."""
    if isinstance(index, dict) and 'tensor' in index:
        return torch.tensor(index['tensor'], dtype=torch.bool if index.get('mask') else torch.int64)
    if isinstance(index, dict):
        return slice(index.get('start'), index.get('stop'), index.get('step'))
    if index == '...':
        return Ellipsis
    return index


def source(shape):
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


def s(start=None, stop=None, step=None):
    named = {'start': start, 'stop': stop, 'step': step}
    return {k: v for k, v in named.items() if v is not None}


def ints(*values):
    return {'tensor': list(values)}


def mask(value):
    return {'tensor': value, 'mask': True}


MASK = [[True, False, True, False], [False, False, False, True], [True, True, False, False]]

CASES = [
    ([4], [0]),
    ([4], [-1]),
    ([4], [s(1)]),
    ([4], [s(None, -1)]),
    ([4], [s(0, 4, 2)]),
    ([4], [s(3, 1)]),
    ([4], [s(-100, 100)]),
    ([4], [None]),
    ([4], ['...']),
    ([4], []),
    ([4], [True]),
    ([4], [False]),
    ([], []),
    ([], [None]),
    ([], ['...', None]),
    ([3, 4], [1]),
    ([3, 4], [1, 2]),
    ([3, 4], [s(), 1]),
    ([3, 4], ['...', -1]),
    ([3, 4], [s(1), s(None, None, 3)]),
    ([3, 4], [None, 1]),
    ([3, 4], [1, None]),
    ([3, 4], [s(), None, s()]),
    ([3, 4], [ints(2, 0)]),
    ([3, 4], [ints(2, -3), ints(1, -1)]),
    ([3, 4], [s(), ints(3, 0, 0)]),
    ([3, 4], [1, ints(3, 0, 0)]),
    ([3, 4], [ints(1, 2), 0]),
    ([3, 4], [ints(1, 2), s(1, 3)]),
    ([3, 4], [{'tensor': [[0, 1], [2, 0]]}]),
    ([3, 4], [{'tensor': [[0], [2]]}, ints(1, 3)]),
    ([3, 4], [{'tensor': 1}]),
    ([3, 4], [{'tensor': 1}, {'tensor': -1}]),
    ([3, 4], [mask(MASK)]),
    ([3, 4], [mask([True, False, True])]),
    ([3, 4], [s(), mask([True, False, False, True])]),
    ([3, 4], [mask([True, False, True]), ints(1)]),
    ([3, 4], [mask([False, False, False])]),
    ([3, 4], [{'tensor': []}]),
    ([3, 4], [mask(True)]),
    ([3, 4], [mask(False)]),
    ([3, 4], [True, 1]),
    ([2, 3, 4], ['...', 0]),
    ([2, 3, 4], [0, '...']),
    ([2, 3, 4], [0, '...', 1]),
    ([2, 3, 4], [s(), s(), s(), '...']),
    ([2, 3, 4], [s(), 1, s(1)]),
    ([2, 3, 4], [ints(0, 1), s(), ints(1, 2)]),
    ([2, 3, 4], [0, s(), ints(1, 2)]),
    ([2, 3, 4], [s(), ints(0, 2), ints(1, 2)]),
    ([2, 3, 4], [None, ints(0, 1), '...']),
    ([2, 3, 4], [ints(0, 1), None, ints(1, 2)]),
    ([2, 3, 4], ['...', ints(1, 2)]),
    ([2, 3, 4], [s(), mask(MASK)]),
    ([2, 3, 4], [1, mask(MASK)]),
    ([3, 4, 2], [mask(MASK)]),
    ([3, 4, 2], [mask(MASK), None]),
    ([2, 3, 4, 5], [0, s(1), None, '...', ints(4, 0)]),
    ([2, 3, 4, 5], [s(), ints(0, 1), s(1, 3), ints(2, 3)]),
    ([0, 3], [s(), 1]),
    ([0, 3], ['...']),
]

PUTS = [
    ([4], [0], 9.0, False),
    ([4], [s(1)], 9.0, False),
    ([3, 4], [1], [1.0, 2.0, 3.0, 4.0], False),
    ([3, 4], [s(), 1], [[7.0, 8.0, 9.0]], False),
    ([3, 4], [s(), s(0, 4, 2)], [[-1.0], [-2.0], [-3.0]], False),
    ([3, 4], ['...'], 5.0, False),
    ([3, 4], [ints(0, 2)], 5.0, False),
    ([3, 4], [ints(0, 0, 2), ints(1, 1, 3)], [1.0, 1.0, 1.0], True),
    ([3, 4], [s(), ints(1, 1)], 1.0, True),
    ([3, 4], [mask(MASK)], -1.0, False),
    ([3, 4], [mask(MASK)], [1.0, 2.0, 3.0, 4.0, 5.0], False),
    ([3, 4], [mask([True, False, True]), s(1)], 0.0, False),
    ([2, 3, 4], [0, '...', ints(1, 2)], [[5.0, 6.0]], False),
    ([2, 3, 4], [s(), mask(MASK)], 0.5, False),
    ([3, 4], [mask(True)], 3.0, False),
    ([3, 4], [mask(False)], 3.0, False),
]


def get(shape, index):
    return {'shape': shape, 'index': index, 'result': tensor(source(shape)[tuple(map(to_python, index))])}


def put(shape, index, value, accumulate):
    t = source(shape)
    where = tuple(map(to_python, index))
    given = torch.tensor(value)
    if not accumulate:
        t[where] = given
    else:
        every = tuple(w if torch.is_tensor(w) else torch.arange(t.shape[0]).unsqueeze(1) for w in where)
        t.index_put_(every, given, accumulate=True)
    return {'shape': shape, 'index': index, 'value': value, 'accumulate': accumulate, 'result': tensor(t)}


def generate(out_dir: pathlib.Path) -> None:
    write(out_dir / 'indexing.json', {'get': [get(*c) for c in CASES], 'put': [put(*c) for c in PUTS]})
