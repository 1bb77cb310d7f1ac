"""Small ops and a small model in Python PyTorch: the other side of bench/ops.ts."""

import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent / 'lib'))
from serve import serve  # noqa: E402

a = torch.randn(4)
b = torch.randn(4)
m = torch.randn(2, 2)
n = torch.randn(2, 2)
model = torch.nn.Sequential(
    torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)
)
criterion = torch.nn.MSELoss()
x = torch.randn(1, 10)
y = torch.randn(1, 1)


def mlp():
    criterion(model(x), y).backward()


serve({
    'add': lambda: a.add(b),
    'matmul': lambda: m.matmul(n),
    'view': lambda: a.view(2, 2),
    'sum': lambda: a.sum(),
    'mlp': mlp,
})
