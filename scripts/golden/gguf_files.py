"""GGUF files of llama.cpp's own package, with what it makes of their quantized blocks: for lib/io/gguf.

Needs the package (pip install gguf).
"""

import base64
import json
import tempfile

import gguf
import numpy as np

PLAIN = {'F32': np.float32, 'F16': np.float16, 'I8': np.int8, 'I16': np.int16, 'I32': np.int32, 'I64': np.int64, 'F64': np.float64}
QUANTIZED = ['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'IQ4_XS']
UNKNOWN = ['IQ2_XXS']


def encoded(data):
    return base64.b64encode(data).decode()


def halves_of(name):
    """Where the scales in half precision stand: any bits there would make numbers that are none."""
    return {
        'Q4_1': [0, 2], 'Q5_1': [0, 2], 'Q2_K': [80, 82], 'Q3_K': [108], 'Q4_K': [0, 2], 'Q5_K': [0, 2], 'Q6_K': [208],
    }.get(name, [0])  # fmt: skip


def blocks_of(name, rng, rows):
    kind = gguf.GGMLQuantizationType[name]
    count, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * (256 // count), size), dtype=np.uint8)
    for at in halves_of(name):
        scales = rng.uniform(-2, 2, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return kind, blocks.reshape(rows, -1)


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
        for name in QUANTIZED + UNKNOWN:
            kind, blocks = blocks_of(name, rng, 2)
            values = gguf.quants.dequantize(blocks, kind) if name in QUANTIZED else None
            tensors[f'{name} rows'] = (name, values)
            writer.add_tensor(f'{name} rows', blocks, raw_dtype=kind)
        bf16 = gguf.quants.quantize(rng.standard_normal((2, 4)).astype(np.float32), gguf.GGMLQuantizationType.BF16)
        writer.add_tensor('BF16', bf16, raw_dtype=gguf.GGMLQuantizationType.BF16)
        tensors['BF16'] = ('BF16', gguf.quants.dequantize(bf16, gguf.GGMLQuantizationType.BF16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        content = open(file.name, 'rb').read()
    described = {
        name: {'type': kind}
        if array is None
        else {'type': kind, 'dtype': array.dtype.name, 'shape': list(array.shape), 'data': encoded(array.tobytes())}
        for name, (kind, array) in tensors.items()
    }
    (out_dir / 'gguf.json').write_text(json.dumps({'file': encoded(content), 'tensors': described}, indent=1) + '\n')
