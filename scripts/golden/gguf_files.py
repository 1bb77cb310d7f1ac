"""GGUF files of llama.cpp's own package, with what it makes of their quantized blocks: for lib/io/gguf.

Needs the package (pip install gguf).
"""

import base64
import json
import tempfile

import gguf
import numpy as np

PLAIN = {'F32': np.float32, 'F16': np.float16, 'I8': np.int8, 'I16': np.int16, 'I32': np.int32, 'I64': np.int64, 'F64': np.float64}
QUANTIZED = [
    'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'IQ4_XS', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S',
    'IQ3_XXS', 'IQ3_S', 'IQ1_S', 'IQ1_M', 'TQ1_0', 'TQ2_0', 'MXFP4', 'NVFP4', 'Q1_0',
]  # fmt: skip
NOT_FOR_FILES = ['Q8_1', 'Q8_K']


def encoded(data):
    return base64.b64encode(data).decode()


def halves_of(name):
    """Where the scales in half precision stand: any bits there would make numbers that are none."""
    return {
        'Q4_1': [0, 2], 'Q5_1': [0, 2], 'Q2_K': [80, 82], 'Q3_K': [108], 'Q4_K': [0, 2], 'Q5_K': [0, 2], 'Q6_K': [208],
        'TQ1_0': [52], 'TQ2_0': [64], 'MXFP4': [], 'NVFP4': [], 'IQ1_M': [],
    }.get(name, [0])  # fmt: skip


def blocks_of(name, rng, rows, per_row=256):
    kind = gguf.GGMLQuantizationType[name]
    count, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * (per_row // count), size), dtype=np.uint8)
    for at in halves_of(name):
        scales = rng.uniform(-2, 2, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    if name == 'IQ1_M':
        # Four bits of the scale stand at the top of each of the last four words.
        scales = rng.uniform(-2, 2, len(blocks)).astype(np.float16).view(np.uint16)
        for i in range(4):
            at = 49 + 2 * i
            blocks[:, at] = (blocks[:, at] & 0x0F) | (((scales >> (4 * i)) & 0x0F) << 4).astype(np.uint8)
    return kind, blocks.reshape(rows, -1)


def values_of(name, kind, blocks):
    if name in NOT_FOR_FILES:
        return None
    if name != 'Q1_0':
        with np.errstate(over='ignore'):
            return gguf.quants.dequantize(blocks, kind)
    # The package knows its size only. As in ggml: a bit says whether the scale counts as it is or negative.
    rows = blocks.reshape(-1, 18)
    scales = rows[:, :2].copy().view(np.float16).astype(np.float32)
    bits = np.unpackbits(rows[:, 2:], axis=1, bitorder='little')
    return np.where(bits == 1, scales, -scales).reshape(len(blocks), -1)


def finished(writer, path):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with open(path, 'rb') as file:
        return encoded(file.read())


def described(tensors):
    return {
        name: {'type': kind}
        if array is None
        else {'type': kind, 'dtype': array.dtype.name, 'shape': list(array.shape), 'data': encoded(array.tobytes())}
        for name, (kind, array) in tensors.items()
    }


def unaligned(rng):
    """Single blocks of each type, one that begins at an even place and one at an odd one."""
    tensors = {}
    with tempfile.NamedTemporaryFile() as file:
        writer = gguf.GGUFWriter(file.name, 'llama')
        writer.add_custom_alignment(1)
        for name in QUANTIZED:
            count, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
            for place in ('here', 'there'):
                kind, blocks = blocks_of(name, rng, 1, count)
                tensors[f'{name} {place}'] = (name, values_of(name, kind, blocks))
                writer.add_tensor(f'{name} {place}', blocks, raw_dtype=kind)
                between = rng.integers(-99, 99, 1 + size % 2, dtype=np.int8)
                tensors[f'after {name} {place}'] = ('I8', between)
                writer.add_tensor(f'after {name} {place}', between)
        content = finished(writer, file.name)
    return {'file': content, 'tensors': described(tensors)}


def generate(out_dir):
    rng = np.random.default_rng(0)
    tensors = {}
    with tempfile.NamedTemporaryFile() as file:
        writer = gguf.GGUFWriter(file.name, 'llama')
        writer.add_block_count(2)
        writer.add_string('general.description', 'A ☃ file')
        writer.add_array('tokenizer.ggml.tokens', ['a', 'b', '名'])
        writer.add_array('numbers', [1, 2, 3])
        writer.add_float32('llama.rope.freq_base', 0.5)
        writer.add_uint64('large', 2**60)
        writer.add_bool('yes', True)
        for name, dtype in PLAIN.items():
            array = (rng.standard_normal((2, 3)) * 20).astype(dtype)
            tensors[name] = (name, array)
            writer.add_tensor(name, array)
        for name in QUANTIZED + NOT_FOR_FILES:
            kind, blocks = blocks_of(name, rng, 2)
            tensors[f'{name} rows'] = (name, values_of(name, kind, blocks))
            writer.add_tensor(f'{name} rows', blocks, raw_dtype=kind)
        bf16 = gguf.quants.quantize(rng.standard_normal((2, 4)).astype(np.float32), gguf.GGMLQuantizationType.BF16)
        writer.add_tensor('BF16', bf16, raw_dtype=gguf.GGMLQuantizationType.BF16)
        tensors['BF16'] = ('BF16', gguf.quants.dequantize(bf16, gguf.GGMLQuantizationType.BF16))
        content = finished(writer, file.name)
    result = {'file': content, 'tensors': described(tensors), 'unaligned': unaligned(rng)}
    (out_dir / 'gguf.json').write_text(json.dumps(result, indent=1) + '\n')
