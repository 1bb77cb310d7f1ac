"""How golden files store tensors: exact bytes in base64, little endian, with dtype and shape."""

import base64
import json
import pathlib
import re

import torch


def tensor(t: torch.Tensor) -> dict:
    """One tensor; a dtype without a NumPy counterpart is widened to float32."""
    t = t.detach().clone(memory_format=torch.contiguous_format)  # fresh strides, also where a size is 0 or 1
    name = str(t.dtype).removeprefix('torch.')
    raw = t.view(torch.uint8) if t.dim() else t.reshape(1).view(torch.uint8)
    return {'dtype': name, 'shape': list(t.shape), 'data': base64.b64encode(raw.numpy().tobytes()).decode()}


def camel(name: str) -> str:
    """PyTorch's name as TypeScript writes it; a trailing underscore stays."""
    return re.sub(r'_([a-z0-9])', lambda m: m.group(1).upper(), name)


def write(path: pathlib.Path, value: object) -> None:
    """One top-level entry per line, so that a regenerated file gives a readable diff."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    body = ',\n'.join((f'{json.dumps(k)}: ' if isinstance(value, dict) else '') + json.dumps(v) for k, v in items)
    left, right = ('{', '}') if isinstance(value, dict) else ('[', ']')
    path.write_text(f'{left}\n{body}\n{right}\n')
