"""Models of TorchScript with what they compute: for torch.jit.load."""

import base64
import io
import warnings
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn

import _encode


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor, state: Optional[Tuple[Tensor, Tensor]] = None) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        h, state = self.rnn(x, state)
        return self.head(h), state


class Named(NamedTuple):
    total: Tensor
    count: int


class Values(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer('seen', torch.zeros(1))
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(
        self, parts: List[Tensor], names: Dict[str, Tensor], times: int, scale: float = 0.5, flag: bool = False,
        word: str = 'add', maybe: Optional[Tensor] = None,
    ) -> Dict[str, Tensor]:
        total = torch.zeros(3)
        for part in parts:
            for _ in range(times):
                total = total + part * scale
        for name, value in names.items():
            if len(name) > 1 or flag:
                total = total + value
        if word == 'mul':
            total = total * self.weight
        if maybe is not None:
            total = total - maybe
        self.seen += 1
        return {'total': total, 'seen': self.seen.clone()}

    @torch.jit.export
    def describe(self, x: Tensor) -> Tuple[int, float, str, Optional[int], List[List[int]], Named]:
        return x.dim(), float(x.sum().item()), str(x.dtype), None, [x.size(), [1]], Named(x.sum(), x.numel())

    @torch.jit.export
    def fails(self, x: Tensor) -> Tensor:
        if x.dim() > 1:
            raise ValueError('one dimension is all there may be')
        return x.reshape(7)


def saved(module) -> str:
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def generate(out_dir) -> None:
    warnings.simplefilter('ignore')
    torch.manual_seed(0)
    enc = _encode.tensor
    conv = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(32, 3))
    conv(torch.randn(5, 1, 6, 6))
    image, sequence = torch.randn(2, 1, 6, 6), torch.randn(2, 5, 3)
    traced = torch.jit.trace(conv.eval(), image)
    recurrent = torch.jit.script(Recurrent())
    out, (h, c) = recurrent(sequence)
    again, _ = recurrent(sequence, (h, c))
    x = torch.randn(4, 3, requires_grad=True)
    mlp = torch.jit.script(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)))
    loss = mlp(x).square().sum()
    loss.backward()
    dropped = torch.jit.script(conv.train())
    torch.manual_seed(3)
    noisy = dropped(image)
    value = {
        'conv': {'file': saved(traced), 'input': enc(image), 'output': enc(traced(image))},
        'recurrent': {'file': saved(recurrent), 'input': enc(sequence), 'output': enc(out), 'h': enc(h), 'c': enc(c), 'again': enc(again)},
        'mlp': {'file': saved(mlp), 'input': enc(x), 'loss': enc(loss), 'grad': enc(x.grad), 'weight': enc(mlp[0].weight.grad)},
        'values': {'file': saved(torch.jit.script(Values()))},
        'training': {'file': saved(torch.jit.script(conv.train())), 'noisy': enc(noisy)},
    }
    _encode.write(out_dir / 'jit.json', value)
