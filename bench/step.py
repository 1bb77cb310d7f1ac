"""clip_grad_norm_ and fused AdamW in Python PyTorch: the other side of bench/step.ts."""

import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent / 'lib'))
from serve import serve  # noqa: E402


def case(count, size):
    params = [torch.randn(size, requires_grad=True) for _ in range(count)]
    for p in params:
        p.grad = torch.randn(size)
    optimizer = torch.optim.AdamW(params, fused=True)

    def step():
        torch.nn.utils.clip_grad_norm_(params, 1)
        optimizer.step()

    return step


serve({
    'large': case(1, 20_000_000),
    'layers': case(200, 100_000),
    'many': case(2000, 1000),
    'small': case(2000, 10),
})
