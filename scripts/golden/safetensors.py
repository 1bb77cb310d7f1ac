"""A safetensors file built by its specification, to be read by lib/io."""

import base64
import json
import struct

import torch

DTYPES = {
    'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16,
    'I64': torch.int64, 'I32': torch.int32, 'I16': torch.int16, 'I8': torch.int8, 'U8': torch.uint8,
    'BOOL': torch.bool, 'C64': torch.complex64,
}  # fmt: skip


def generate(out_dir):
    generator = torch.Generator().manual_seed(0)
    header, data, values = {'__metadata__': {'made by': 'scripts/golden/safetensors.py'}}, b'', {}
    for name, dtype in DTYPES.items():
        t = (torch.randn(2, 3, generator=generator, dtype=torch.float64) * 4).to(dtype)
        raw = t.reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {'dtype': name, 'shape': [2, 3], 'data_offsets': [len(data), len(data) + len(raw)]}
        values[name] = {'dtype': str(dtype).removeprefix('torch.'), 'shape': [2, 3], 'data': base64.b64encode(raw).decode()}
        data += raw
    header['empty'] = {'dtype': 'F32', 'shape': [0, 3], 'data_offsets': [len(data), len(data)]}
    values['empty'] = {'dtype': 'float32', 'shape': [0, 3], 'data': ''}
    text = json.dumps(header).encode()
    file = struct.pack('<Q', len(text)) + text + data
    path = out_dir / 'safetensors.json'
    path.write_text(json.dumps({'file': base64.b64encode(file).decode(), 'tensors': values}, indent=1) + '\n')
