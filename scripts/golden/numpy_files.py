"""Files of numpy.save and numpy.savez, and files that are not to be read: for lib/io/numpy."""

import base64
import io
import json
import zipfile

import numpy as np

DTYPES = ['?', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8', 'c8', 'c16']


def encoded(data):
    return base64.b64encode(data).decode()


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


def value(array):
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder('<'))
    return {'dtype': array.dtype.name, 'shape': list(array.shape), 'data': encoded(little.tobytes())}


def cases():
    rng = np.random.default_rng(0)
    for name in DTYPES:
        base = rng.uniform(0, 100, (2, 3, 4)).astype(name)
        yield name, base, {}
        yield f'>{name}', base.astype(np.dtype(name).newbyteorder('>')), {}
    base = rng.standard_normal((3, 4))
    yield 'Fortran order', np.asfortranarray(base), {}
    yield 'Fortran order, 3 dimensions, other byte order', np.asfortranarray(base.reshape(2, 2, 3).astype('>f4')), {}
    yield 'no dimensions', np.array(2.5, dtype='f4'), {}
    yield 'one dimension', np.arange(5), {}
    yield 'no elements', np.empty((2, 0, 3), dtype='f4'), {}
    yield 'version 2', base, {'version': (2, 0)}
    yield 'version 3', base, {'version': (3, 0)}


def with_header(text, data=bytes(24), version=1):
    head = text.encode('latin1') + b'\n'
    size = len(head).to_bytes(2 if version == 1 else 4, 'little')
    return b'\x93NUMPY' + bytes([version, 0]) + size + head + data


def refused():
    whole = npy(np.arange(6.0))
    yield 'objects', npy(np.array([{}, []], dtype=object), allow_pickle=True), 'Python objects'
    yield 'strings', npy(np.array(['a', 'bc'])), 'strings'
    yield 'bytes', npy(np.array([b'a', b'bc'])), 'strings'
    yield 'dates', npy(np.array(['2020-01-01'], dtype='datetime64[D]')), 'unknown'
    yield 'records', npy(np.zeros(2, dtype=[('a', 'f4'), ('b', 'i4')])), 'records'
    yield 'long doubles', npy(np.zeros(2, dtype='g')), 'of a size'
    yield 'an empty file', b'', 'ends within its header'
    yield 'another file', b'PK\x03\x04' + bytes(60), 'does not begin'
    yield 'a header cut off', whole[:40], 'ends within its header'
    yield 'elements cut off', whole[:-1], 'elements have 48 bytes'
    yield 'version 9', whole[:6] + b'\x09' + whole[7:], 'version 9'
    yield 'a long header', with_header(' ' * 20000), 'header has'
    yield 'a missing field', with_header("{'descr': '<f8', 'shape': (3,), }"), 'its header is'
    yield 'code in the header', with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (__import__('os'),), }"), 'its header is'
    yield 'a negative size', with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }"), 'its header is'
    yield 'sizes that overflow', with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"), 'elements have'
    yield 'sizes that overflow beside 0', with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296), }"), 'elements have'


def archive(records, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', compression) as file:
        for name, data in records:
            file.writestr(name, data)
    return buffer.getvalue()


def generate(out_dir):
    read = [{'what': what, 'file': encoded(npy(array, **options)), 'value': value(array)} for what, array, options in cases()]
    bad = [{'what': what, 'file': encoded(data), 'says': says} for what, data, says in refused()]
    arrays = {what: array for what, array, _ in cases() if ' ' not in what and '>' not in what and '?' not in what}
    npz = []
    for what, save in (('savez', np.savez), ('savez_compressed', np.savez_compressed)):
        buffer = io.BytesIO()
        save(buffer, **arrays, __proto__=np.arange(3))
        npz.append({'what': what, 'file': encoded(buffer.getvalue())})
    values = {what: value(array) for what, array in arrays.items()}
    ones = npy(np.ones(50))
    bad_npz = [
        ('another compression', archive([('a.npy', ones)], zipfile.ZIP_BZIP2), 'method 12'),
        ('another file in it', archive([('readme.txt', b'text')]), 'does not end in .npy'),
        ('an array cut off', archive([('a.npy', ones[:-1])]), 'elements have 400 bytes'),
        ('an array cut off, compressed', archive([('a.npy', ones[:-1])], zipfile.ZIP_DEFLATED), 'elements have 400 bytes'),
        ('bytes left over', archive([('a.npy', ones + b'x')]), '1 bytes left over'),
        ('no archive', b'\x93NUMPY', 'its end is missing'),
    ]
    text = json.dumps(
        {
            'read': read,
            'refused': bad,
            'npz': npz,
            'values': values,
            'refusedNpz': [{'what': what, 'file': encoded(data), 'says': says} for what, data, says in bad_npz],
        },
        indent=1,
    )
    (out_dir / 'numpy.json').write_text(text + '\n')
