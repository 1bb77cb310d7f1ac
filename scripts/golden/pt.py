"""Files of torch.save, what they hold, and files that are not to be read: for lib/io/pt."""

import base64
import collections
import io
import json
import pickle
import tarfile
import zipfile

import torch
from _plain import plain

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
    torch.uint16, torch.uint32, torch.uint64, torch.bool, torch.complex32, torch.complex64, torch.complex128,
    torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz,
]  # fmt: skip


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def encoded(data):
    return base64.b64encode(data).decode()


def trained():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    for _ in range(3):
        model(torch.randn(5, 3)).pow(2).mean().backward()
        optimizer.step()
        scheduler.step()
    return model, optimizer, scheduler


def cases():
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(2, 3, generator=generator, dtype=torch.float64) * 4
    yield 'every dtype', {str(dtype): base.abs().to(dtype) for dtype in DTYPES}
    t = torch.arange(24.0).reshape(2, 3, 4)
    yield 'views of one storage', [t, t[0], t[1, :, 1::2], t.permute(2, 0, 1), t[0].T, t[:, 0], t.view(-1)[5], t[0:0]]
    yield 'expanded and odd strides', [torch.ones(1).expand(3, 2), torch.arange(9).as_strided([2, 2], [4, 3], 1)]
    yield 'conjugate and negative views', [torch.tensor([1 + 2j]).conj(), torch.tensor([1 + 2j]).conj().imag]
    yield 'parameters and leaves', [torch.nn.Parameter(torch.ones(2)), torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(2), False)]
    yield 'no elements', [torch.empty(0), torch.empty(2, 0, 3, dtype=torch.int64)]
    yield 'numbers', [0, 1, -1, 255, 256, 65535, 65536, -129, 2**31 - 1, 2**31, -(2**31), 2**53 - 1, -(2**53) + 1, 1.5, -0.0, 1e308]
    yield 'large integers', [2**53, -(2**53), 2**63, -(2**63), 2**200, -(2**200), 2**2000]
    yield 'numbers that are none', [float('inf'), float('-inf'), float('nan'), True, False, None, 1 + 2j]
    yield 'texts', ['', 'a', 'é', '名', '😀', '\ud800', 'x\udfffy', 'x' * 300, '__proto__', '\0\n']
    yield 'bytes', [b'', b'\x00\xff', bytes(range(256)), bytearray(b'ab')]
    yield 'containers', [[], (), {}, set(), {'a': {'b': [(1, (2,))]}}, {1, 2}, [[[[[]]]]], collections.OrderedDict(b=1, a=2), collections.Counter('aab')]
    yield 'keys', [{'__proto__': 1, 'constructor': 2, '10': 3, '2': 4, '': 5}, {1: 'a', 'b': 2}, {(1, 2): 3}, {None: 1, True: 2, 2.5: 3}, {0: 1}]
    yield 'names', [torch.float32, torch.bfloat16, torch.device('cpu'), torch.Size([2, 3])]
    model, optimizer, scheduler = trained()
    yield 'training', {'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'scheduler': scheduler.state_dict(), 'epoch': 3}
    same = [1]
    yield 'one object in two places', {'a': same, 'b': same}


def archive(pickled, records=(), byteorder=b'little', compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', compression) as file:
        file.writestr('archive/data.pkl', pickled)
        if byteorder is not None:
            file.writestr('archive/byteorder', byteorder)
        for name, data in records:
            file.writestr(f'archive/{name}', data)
        file.writestr('archive/version', b'3\n')
    return buffer.getvalue()


class Call:
    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def pickled_tensor(count=2, size=(2,), stride=(1,), offset=0, key='0', storage='FloatStorage', grad=False, location='cpu'):
    """The pickle of a tensor whose parts may be wrong in any way."""
    out = b'\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage'
    out += f'ctorch\n{storage}\n'.encode() + pickle.dumps(key, 2)[2:-1] + pickle.dumps(location, 2)[2:-1]
    out += pickle.dumps(count, 2)[2:-1] + b'tQ' + pickle.dumps(offset, 2)[2:-1]
    out += pickle.dumps(size, 2)[2:-1] + pickle.dumps(stride, 2)[2:-1] + pickle.dumps(grad, 2)[2:-1]
    return out + b'ccollections\nOrderedDict\n)RtR.'


def of_tensor(data=bytes(8), **parts):
    return archive(pickled_tensor(**parts), [('data/0', data)])


def refused():
    old = io.BytesIO()
    torch.save({'a': torch.ones(2)}, old, _use_new_zipfile_serialization=False)
    yield 'the format before 1.6', old.getvalue(), 'save it again'
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w') as file:
        file.addfile(tarfile.TarInfo('storages'), io.BytesIO())
    yield 'a tar archive', tar.getvalue(), 'save it again'
    yield 'big-endian', archive(pickle.dumps(1, 2), byteorder=b'big'), 'big-endian'
    yield 'an unknown byte order', archive(pickle.dumps(1, 2), byteorder=b'middle'), 'byte order'
    yield 'compressed records', archive(pickle.dumps('a' * 100, 2), compression=zipfile.ZIP_DEFLATED), 'compressed'
    script = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), script)
    yield 'TorchScript', script.getvalue(), 'TorchScript'
    yield 'a whole module', saved(torch.nn.Linear(1, 1)), '"torch.nn.modules.linear.Linear"'
    yield 'a function', saved([print]), '"builtins.print"'
    yield 'a call', saved(Call(eval, '1')), '"builtins.eval"'
    yield 'a sparse tensor', saved(torch.eye(2).to_sparse()), 'to_dense'
    yield 'a quantized tensor', saved(torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)), 'dequantize'
    yield 'a meta tensor', saved(torch.ones(2, device='meta')), 'meta'
    yield 'a short storage', of_tensor(bytes(4)), 'data/0 has 4 bytes'
    yield 'a missing storage', of_tensor(key='1'), 'no record data/1'
    yield 'a view beyond its storage', of_tensor(size=(3,)), 'reaches beyond'
    yield 'an offset beyond its storage', of_tensor(offset=2, size=(1,)), 'reaches beyond'
    yield 'a stride beyond its storage', of_tensor(stride=(2,)), 'reaches beyond'
    yield 'a negative size', of_tensor(size=(-1,)), 'arguments'
    yield 'a negative stride', of_tensor(stride=(-1,)), 'arguments'
    yield 'a negative offset', of_tensor(offset=-1), 'arguments'
    yield 'strides of another number', of_tensor(stride=(1, 1)), 'arguments'
    yield 'a size of 2^62', of_tensor(size=(2**62, 2**62), stride=(0, 0)), 'arguments'
    yield 'a count of 2^60', of_tensor(count=2**60), 'not a storage'
    yield 'gradients of integers', of_tensor(storage='IntStorage', grad=True), 'gradients'
    yield 'a class of storages that there is not', of_tensor(storage='HugeStorage'), '"torch.HugeStorage"'
    yield 'no pickle', archive(b''), 'ends too early'
    yield 'text for a pickle', archive(b'hello'), 'protocol'
    yield 'protocol 0', archive(pickle.dumps([1], 0)), 'protocol'
    yield 'a pickle cut off', archive(pickle.dumps([1, 2], 2)[:-2]), 'early'
    yield 'values left over', archive(b'\x80\x02K\x01K\x02.'), 'leaves unused values'
    yield 'an empty stack', archive(b'\x80\x02.'), 'uses values that are missing'
    yield 'a mark that is missing', archive(b'\x80\x02]e.'), 'uses values that are missing'
    yield 'an unknown value', archive(b'\x80\x02h\x05.'), 'refers to a value'
    yield 'an unknown instruction', archive(b'\x80\x02\xff.'), '0xff'
    yield 'a bare class', archive(b'\x80\x02ctorch\nFloatStorage\n.'), 'a class'
    yield 'the number of a person', archive(b'\x80\x02K\x01Q.'), 'not a storage'


def loads(data):
    try:
        return torch.load(io.BytesIO(data))['x'].shape[0] == COUNT
    except (RuntimeError, ValueError, OSError):
        return False


# More than the end of the archive is looked for in.
COUNT = 20_000


def tails():
    """What may come after the archive, as a text and how often, and whether PyTorch reads the file still."""
    whole = saved({'x': torch.arange(float(COUNT))})
    for text, times in [('\0', 1), ('\0', 22), ('\0', 4096), ('\0', 65535), ('\0', 70_000), ('hello', 20)]:
        yield text, times, loads(whole + text.encode() * times)
    yield 'the end again', 1, loads(whole + whole[-22:])


def generate(out_dir):
    read = []
    for what, value in cases():
        read.append({'what': what, 'file': encoded(saved(value)), 'value': plain(value)})
    model, *_ = trained()
    for protocol in (3, 4, 5):
        value = {'a': torch.ones(2), 'b': [1, 'x', b'y', (1, 2, 3, 4), 2**70, {1}], 'm': model.state_dict()}
        read.append({'what': f'protocol {protocol}', 'file': encoded(saved(value, pickle_protocol=protocol)), 'value': plain(value)})
    bad = [{'what': what, 'file': encoded(data), 'says': says} for what, data, says in refused()]
    (out_dir / 'pt.json').write_text(json.dumps({'read': read, 'refused': bad, 'tails': list(tails())}, indent=1) + '\n')
