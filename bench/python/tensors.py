"""The parameters and gradients of a shape, with the values that the other side gives them (lib/tensors.ts)."""

import json
import math
import pathlib

import torch
from gpu import DEVICE

TABLE = json.loads((pathlib.Path(__file__).resolve().parents[1] / 'shapes.json').read_text())
POOL = 1 << 20


def shapes_of(name, copies):
    layers = TABLE[name]['layers'] * copies
    return [shape for layer in layers for _ in range(layer['repeat']) for shape in layer['shapes']]


def pool_of(seed, scale, dtype):
    torch.manual_seed(seed)
    return torch.randn(POOL).mul_(scale).to(dtype).to(DEVICE)


def fill(tensors, pool):
    """The pool again and again, from another place for each tensor."""
    for k, tensor in enumerate(tensors):
        flat, at, start = tensor.view(-1), 0, k * 7919 % POOL
        while at < len(flat):
            n = min(len(flat) - at, POOL - start)
            flat[at : at + n].copy_(pool[start : start + n])
            at, start = at + n, 0


class Tensors:
    def __init__(self, shape, dtype, copies):
        dtype = getattr(torch, dtype)
        shapes = shapes_of(shape, copies)
        self.pools = pool_of(1, 0.02, dtype), pool_of(2, 0.01, dtype)
        self.params = [torch.empty(s, dtype=dtype, device=DEVICE, requires_grad=True) for s in shapes]
        for p in self.params:
            p.grad = torch.empty_like(p)
        self.stride = max(1, sum(math.prod(s) for s in shapes) // 200_000)

    @torch.no_grad()
    def reset(self):
        fill([p.detach() for p in self.params], self.pools[0])
        self.gradients(1)

    def gradients(self, factor):
        """A power of two, which changes no digit."""
        fill([p.grad for p in self.params], self.pools[1] * factor)

    def sample(self, tensors):
        """Rows, a vector being one of them, in fp64, the last among them: enough to see every tensor and to know the rows' norms."""
        return [self.sample_of(t.detach()) for t in tensors]

    def sample_of(self, t):
        def some(t):
            return torch.cat([t[:: self.stride], t[-1:]]).double()

        if t.dim() > 1:
            return some(t.flatten(1))
        return (t.double() if len(t) <= 10_000 else some(t))[None]
