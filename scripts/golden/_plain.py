"""An object of plain data and tensors in words that test/io/plain.ts has, too, so that both sides can compare what they hold."""

import base64
import struct

import torch

SAFE = 2**53


def number(value):
    return {'number': struct.pack('>d', value).hex() if value == value else 'nan'}


def tensor(value):
    t = value.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
    raw = t.reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b''
    return {
        'tensor': str(t.dtype).removeprefix('torch.'),
        'shape': list(t.shape),
        'data': base64.b64encode(raw).decode(),
        'requiresGrad': value.requires_grad,
        'parameter': isinstance(value, torch.nn.Parameter),
    }


def plain(value):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return number(float(value)) if abs(value) < SAFE else {'bigint': str(value)}
    if isinstance(value, float):
        return number(value)
    if isinstance(value, complex):
        return plain({'re': value.real, 'im': value.imag})
    if isinstance(value, str):
        return {'text': value}
    if isinstance(value, (bytes, bytearray)):
        return {'bytes': base64.b64encode(value).decode()}
    if isinstance(value, torch.Tensor):
        return tensor(value)
    if isinstance(value, torch.dtype):
        return {'dtype': str(value).removeprefix('torch.')}
    if isinstance(value, torch.device):
        return {'device': str(value)}
    if isinstance(value, (list, tuple)):
        return {'list': [plain(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {'set': [plain(item) for item in value]}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {'object': [[key, state(item) if is_state(value, key) else plain(item)] for key, item in value.items()]}
        return {'map': [[plain(key), plain(item)] for key, item in value.items()]}
    raise TypeError(type(value))


def is_state(value, key):
    """What an optimizer keeps of its parameters, by their numbers."""
    return key == 'state' and 'param_groups' in value and all(type(k) is int for k in value[key])


def state(value):
    return {'object': [[str(key), plain(item)] for key, item in value.items()]}
