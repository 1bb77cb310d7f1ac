"""The Python side of main.ts: for each line of JSON on its input it loads a file and says what it holds, or writes one and says so."""

import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', '..', 'scripts', 'golden'))

import torch  # noqa: E402
from _plain import plain  # noqa: E402

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
    torch.uint16, torch.uint32, torch.uint64, torch.bool, torch.complex64, torch.complex128, torch.float8_e4m3fn, torch.float8_e5m2,
]  # fmt: skip


def a_tensor(chance, pool):
    if pool and chance.random() < 0.4:
        base = chance.choice(pool)
        views = [lambda: base, lambda: base[: base.shape[0] // 2], lambda: base.flatten()[1:], lambda: base.transpose(0, -1)]
        return chance.choice(views)()
    shape = [chance.randrange(5) for _ in range(chance.randrange(1, 4))]
    made = torch.randint(0, 100, shape).to(chance.choice(DTYPES))
    pool.append(made)
    if made.is_floating_point() and made.element_size() > 1 and chance.random() < 0.2:
        return torch.nn.Parameter(made, chance.random() < 0.5)
    return made


def a_text(chance):
    return ''.join(chr(chance.choice([chance.randrange(128), chance.randrange(0x10000), chance.randrange(0x110000)])) for _ in range(chance.randrange(6)))


def a_key(chance):
    return chance.choice([chance.randrange(-5, 1000), a_text(chance), True, None, 0.5, (1, 'a')])


def a_value(chance, pool, depth=0):
    kinds = ['int', 'float', 'text', 'bytes', 'none', 'bool', 'tensor', 'tensor', 'dtype']
    if depth < 5:
        kinds += ['list', 'tuple', 'dict', 'dict', 'map', 'set']
    kind = chance.choice(kinds)
    if kind == 'int':
        return chance.choice([chance.randrange(-300, 300), chance.randrange(-(2**40), 2**40), chance.randrange(-(2**200), 2**200)])
    if kind == 'float':
        return chance.choice([chance.uniform(-1, 1), chance.gauss(0, 1e300), float('nan'), float('inf'), -0.0])
    if kind == 'text':
        return a_text(chance)
    if kind == 'bytes':
        return chance.randbytes(chance.randrange(1, 20))
    if kind == 'tensor':
        return a_tensor(chance, pool)
    if kind == 'dtype':
        return chance.choice(DTYPES)
    if kind in ('none', 'bool'):
        return chance.choice([None, True, False])
    items = [a_value(chance, pool, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 'list':
        return items
    if kind == 'tuple':
        return tuple(items)
    if kind == 'set':
        return {chance.randrange(100) for _ in items}
    if kind == 'dict':
        return {a_text(chance): item for item in items}
    return {a_key(chance): item for item in items}


for line in sys.stdin:
    request = json.loads(line)
    if 'seed' in request:
        torch.manual_seed(request['seed'])
        value = a_value(random.Random(request['seed']), [])
        torch.save(value, request['path'])
    else:
        value = torch.load(request['path'], mmap=request['mmap'])
    print(json.dumps(plain(value)), flush=True)
