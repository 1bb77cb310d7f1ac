"""Derivatives of functions, and a custom function's gradients, as torch.autograd computes them."""

import torch
from torch.autograd import forward_ad as fw
from torch.autograd import functional as F

import _encode


def inputs() -> list[torch.Tensor]:
    """Two inputs of different shapes."""
    return [torch.linspace(-1.5, 2, 4, dtype=torch.float64), torch.linspace(0.5, 1.25, 2, dtype=torch.float64)]


# Of both inputs; each also stands in test/autograd/functional.test.ts.
FUNCTIONS = {
    'vector': lambda x, y: x.sin() * y.sum() + x.pow(3),
    'scalar': lambda x, y: (x.exp() * y.prod()).sum() + y.pow(3).sum(),
    'matrix': lambda x, y: x.outer(y).tanh(),
    'unused': lambda x, y: x.pow(2),
}


def both(result) -> list:
    """Tensors of a nest, encoded."""
    return _encode.tensor(result) if isinstance(result, torch.Tensor) else [both(r) for r in result]


def functional() -> dict:
    out = {}
    for name, f in FUNCTIONS.items():
        xs = tuple(inputs())
        y = f(*xs)
        vs = tuple(torch.linspace(-1, 1, x.numel(), dtype=torch.float64) for x in xs)
        u = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape)
        case = {'jacobian': both(F.jacobian(f, xs)), 'vjp': both(F.vjp(f, xs, u)), 'jvp': both(F.jvp(f, xs, vs))}
        if y.numel() == 1:
            case |= {'hessian': both(F.hessian(f, xs)), 'vhp': both(F.vhp(f, xs, vs)), 'hvp': both(F.hvp(f, xs, vs))}
        with fw.dual_level():
            dual = f(*(fw.make_dual(x, v) for x, v in zip(xs, vs)))
            case['forward'] = both(fw.unpack_dual(dual)[1])
        out[name] = case
    return out


class Scaled(torch.autograd.Function):
    """x³ · scale, and the index of the largest element."""

    @staticmethod
    def forward(ctx, x, scale, weight):
        ctx.scale = scale
        ctx.save_for_backward(x, weight)
        largest = x.argmax()
        ctx.mark_non_differentiable(largest)
        return x.pow(3) * scale * weight, largest

    @staticmethod
    def backward(ctx, g, _):
        x, weight = ctx.saved_tensors
        return g * 3 * x.pow(2) * ctx.scale * weight, None, (g * x.pow(3) * ctx.scale).sum()


def custom() -> dict:
    x = inputs()[0].requires_grad_()
    w = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    y, largest = Scaled.apply(x, 2.0, w)
    first = torch.autograd.grad(y.sin().sum(), (x, w), create_graph=True)
    second = torch.autograd.grad(first[0].pow(2).sum() + first[1], (x, w))
    return {'y': both(y), 'largest': largest.item(), 'first': both(first), 'second': both(second)}


def checkpointed() -> dict:
    """Losses and gradients of a network with dropout; checkpoints change none of them."""
    torch.manual_seed(3)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Dropout(0.25), torch.nn.Linear(8, 2)
    )
    x = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()
    loss = net(x).pow(2).sum()
    loss.backward()
    return {'loss': loss.item(), 'x': both(x.grad), 'gradients': [both(p.grad) for p in net.parameters()]}


def generate(out_dir) -> None:
    value = {'inputs': both(inputs()), 'functional': functional(), 'custom': custom(), 'checkpoint': checkpointed()}
    _encode.write(out_dir / 'autograd.json', value)
