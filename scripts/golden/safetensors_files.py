"""Files of the Python package safetensors, and what it makes of damaged ones: the verdicts that lib/io must share.

Needs the package (pip install safetensors) beside the reference PyTorch.
"""

import base64
import json
import struct

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

DTYPES = {
    'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16,
    'I64': torch.int64, 'I32': torch.int32, 'I16': torch.int16, 'I8': torch.int8, 'U8': torch.uint8,
    'U64': torch.uint64, 'U32': torch.uint32, 'U16': torch.uint16,
    'BOOL': torch.bool, 'C64': torch.complex64, 'F8_E5M2': torch.float8_e5m2, 'F8_E4M3': torch.float8_e4m3fn,
}  # fmt: skip


def encoded(data):
    return base64.b64encode(data).decode()


def build(text, data=b'', length=None):
    """A file of a header's text, which may be wrong in any way."""
    text = text if isinstance(text, bytes) else text.encode('utf-8', 'surrogatepass')
    return struct.pack('<Q', len(text) if length is None else length) + text + data


def entry(start, end, shape=None, dtype='U8', **more):
    return {'dtype': dtype, 'shape': [end - start] if shape is None else shape, 'data_offsets': [start, end], **more}


def of(tensors, data=b'', **more):
    return build(json.dumps({**more, **tensors}), data)


def cases():
    a = entry(0, 4)
    yield 'two tensors in a row', of({'a': a, 'b': entry(4, 6)}, bytes(6))
    yield 'two tensors in another order', of({'b': entry(4, 6), 'a': a}, bytes(6))
    yield 'no tensors', of({})
    yield 'an empty tensor between two', of({'a': a, 'e': entry(4, 4), 'b': entry(4, 6)}, bytes(6))
    yield 'a scalar', of({'a': entry(0, 1, [])}, bytes(1))
    yield 'padding after the header', build(json.dumps({'a': a}) + '     ', bytes(4))
    yield 'padding before the header', build('  ' + json.dumps({'a': a}), bytes(4))
    yield 'unknown fields', of({'a': entry(0, 4, extra=1)}, bytes(4))
    yield 'a shape of two dimensions', of({'a': entry(0, 4, [2, 2])}, bytes(4))
    yield 'an overlap', of({'a': a, 'b': entry(2, 6)}, bytes(6))
    yield 'the same range twice', of({'a': a, 'b': entry(0, 4)}, bytes(4))
    yield 'a hole between', of({'a': a, 'b': entry(5, 6)}, bytes(6))
    yield 'a hole before the first', of({'a': entry(1, 5)}, bytes(5))
    yield 'left-over bytes', of({'a': a}, bytes(5))
    yield 'left-over bytes without tensors', of({}, bytes(1))
    yield 'missing bytes', of({'a': a}, bytes(3))
    yield 'offsets in reverse', of({'a': {'dtype': 'U8', 'shape': [4], 'data_offsets': [4, 0]}}, bytes(4))
    yield 'offsets that do not fit the shape', of({'a': entry(0, 4, [3])}, bytes(4))
    yield 'one offset', of({'a': {'dtype': 'U8', 'shape': [4], 'data_offsets': [4]}}, bytes(4))
    yield 'three offsets', of({'a': {'dtype': 'U8', 'shape': [4], 'data_offsets': [0, 4, 4]}}, bytes(4))
    yield 'a negative size', of({'a': entry(0, 4, [-4])}, bytes(4))
    yield 'two negative sizes', of({'a': entry(0, 4, [-2, -2])}, bytes(4))
    yield 'a fractional size', of({'a': entry(0, 4, [4.5])}, bytes(4))
    yield 'a size that is text', of({'a': entry(0, 4, ['4'])}, bytes(4))
    yield 'sizes whose product overflows', of({'a': entry(0, 4, [2**40, 2**40])}, bytes(4))
    yield 'sizes whose product wraps to 0', of({'a': entry(0, 0, [2**32, 2**32])})
    yield 'an unknown dtype', of({'a': entry(0, 4, dtype='F7')}, bytes(4))
    yield 'a dtype that is a number', of({'a': entry(0, 4, dtype=1)}, bytes(4))
    yield 'no dtype', of({'a': {'shape': [4], 'data_offsets': [0, 4]}}, bytes(4))
    yield 'no shape', of({'a': {'dtype': 'U8', 'data_offsets': [0, 4]}}, bytes(4))
    yield 'no offsets', of({'a': {'dtype': 'U8', 'shape': [4]}}, bytes(4))
    yield 'null for a tensor', of({'a': None})
    yield 'a list for a tensor', of({'a': [1]})
    yield 'a name that stands twice', build(f'{{"a":{json.dumps(a)},"a":{json.dumps(a)}}}', bytes(4))
    yield 'metadata that stands twice', build('{"__metadata__":{"k":"v"},"__metadata__":{"k":"v"}}')
    yield 'metadata', of({'a': a}, bytes(4), __metadata__={'k': 'v'})
    yield 'empty metadata', of({'a': a}, bytes(4), __metadata__={})
    yield 'metadata with a number', of({'a': a}, bytes(4), __metadata__={'k': 1})
    yield 'metadata with null', of({'a': a}, bytes(4), __metadata__={'k': None})
    yield 'metadata that is a list', of({'a': a}, bytes(4), __metadata__=['k'])
    yield 'metadata that is text', of({'a': a}, bytes(4), __metadata__='k')
    yield 'the name __proto__', of({'__proto__': a}, bytes(4))
    yield 'an empty name', of({'': a}, bytes(4))
    yield 'a name in Chinese', build(json.dumps({'名': a}, ensure_ascii=False), bytes(4))
    yield 'a lone surrogate, escaped', build('{"\\ud800":' + json.dumps(a) + '}', bytes(4))
    yield 'a lone surrogate, in bytes', build('{"\ud800":' + json.dumps(a) + '}', bytes(4))
    yield 'bytes that are no UTF-8', build(b'{"\xff":' + json.dumps(a).encode() + b'}', bytes(4))
    yield 'a byte order mark', build(b'\xef\xbb\xbf' + json.dumps({'a': a}).encode(), bytes(4))
    yield 'a header that is a list', build('[]')
    yield 'a header that is a number', build('5')
    yield 'a header that is null', build('null')
    yield 'a header that is not JSON', build('{"a"')
    yield 'a comma too many', build('{"a":' + json.dumps(a) + ',}', bytes(4))
    yield 'text after the header', build(json.dumps({'a': a}) + 'x', bytes(4))
    yield 'a header of no bytes', build('')
    yield 'a header longer than the file', build('{}', length=100)
    yield 'a header longer than is allowed', build('{}', length=100_000_001)
    yield 'a header of 2^63 bytes', build('{}', length=2**63)
    yield 'an empty file', b''
    yield 'seven bytes', bytes(7)


def verdict(data):
    try:
        return sorted(load(data))
    except (SafetensorError, TypeError, ValueError, RuntimeError, AttributeError):
        return None


def generate(out_dir):
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, dtype in DTYPES.items():
        source = torch.randn(2, 3, generator=generator, dtype=torch.float64) * 4
        tensors[name] = (source.abs() if name[0] == 'U' else source).to(dtype)
    tensors['empty'] = torch.empty(0, 3)
    tensors['scalar'] = torch.tensor(2.5)
    tensors['10'] = torch.ones(1)
    values = {}
    for name, t in tensors.items():
        raw = t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b''
        values[name] = {'dtype': str(t.dtype).removeprefix('torch.'), 'shape': list(t.shape), 'data': encoded(raw)}
    verdicts = [{'what': what, 'file': encoded(data), 'names': verdict(data)} for what, data in cases()]
    path = out_dir / 'safetensors.json'
    file = save(tensors, {'made by': 'Python'})
    path.write_text(json.dumps({'file': encoded(file), 'tensors': values, 'verdicts': verdicts}, indent=1) + '\n')
