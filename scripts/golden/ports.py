"""The first 20 losses of the Python twins of examples/ports, in float64, where no rounding hides a difference."""

import importlib
import pathlib
import sys

import torch

import _encode

TWINS = pathlib.Path(__file__).resolve().parents[2] / 'examples/ports/python'
HELPERS = {'data', 'cart_pole'}


def generate(out_dir) -> None:
    sys.path.insert(0, str(TWINS))
    torch.set_default_dtype(torch.float64)
    try:
        names = sorted(p.stem for p in TWINS.glob('*.py') if p.stem not in HELPERS)
        losses = {n.replace('_', '-'): importlib.import_module(n).train(20) for n in names}
    finally:
        torch.set_default_dtype(torch.float32)
        sys.path.remove(str(TWINS))
    _encode.write(out_dir / 'ports.json', losses)
