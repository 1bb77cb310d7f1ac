"""What PyTorch offers for a case, as functions that take one step.

The formulas of timm's adaptive_clip_grad, AutoClip, ClippedSGD and Expectigrad are written in PyTorch's operators, as their
authors do.
"""

import bisect

import gpu
import torch
from torch.nn import utils


# Captured graphs, by what they hold.
GRAPHS = {'graph': 'fused', 'graphScale': 'gradScale', 'graphForeach': 'foreach'}


def optimizer(rule, o, params, kind, captured):
    flags = {'loop': {'foreach': False}, 'foreach': {'foreach': True}, 'compile': {'foreach': True}}.get(kind, {'fused': True})
    if rule == 'adamw':
        flags |= {'capturable': True} if captured else {}
        return torch.optim.AdamW(params, lr=o['lr'], weight_decay=o['weightDecay'], **flags)
    return torch.optim.SGD(params, lr=o['lr'], momentum=o.get('momentum', 0), **flags)


def grads(params):
    return [p.grad for p in params]


def by_norm(o, params, kind):
    return lambda: utils.clip_grad_norm_(params, o['maxNorm'], foreach=False if kind == 'loop' else None)


def by_value(o, params, kind):
    return lambda: utils.clip_grad_value_(params, o['limit'])


def layerwise(o, params, kind):
    def each():
        for p in params:
            utils.clip_grad_norm_(p, o['maxNorm'])

    def together():
        norms = torch._foreach_norm(grads(params))
        torch._foreach_add_(norms, 1e-6)
        torch._foreach_reciprocal_(norms)
        torch._foreach_mul_(norms, o['maxNorm'])
        torch._foreach_clamp_max_(norms, 1.0)
        torch._foreach_mul_(grads(params), norms)

    return each if kind == 'loop' else together


def agc(o, params, kind):
    def unit_norm(x):
        return x.norm() if x.dim() < 2 else x.norm(2.0, dim=tuple(range(1, x.dim())), keepdim=True)

    @torch.no_grad()
    def clip():
        for p in params:
            g = p.grad
            limit = unit_norm(p).clamp_(min=o['eps']).mul_(o['clipping'])
            norm = unit_norm(g)
            g.copy_(torch.where(norm < limit, g, g * (limit / norm.clamp(min=1e-6))))

    return clip


def auto(o, params, kind):
    history = []

    def clip():
        total = utils.get_total_norm(grads(params))
        bisect.insort(history, total.item())
        at = (len(history) - 1) * o['percentile'] / 100
        low = history[int(at)]
        level = low + (history[min(int(at) + 1, len(history) - 1)] - low) * (at - int(at))
        utils.clip_grads_with_norm_(params, level, total)

    return clip


def stochastic(o, params, kind):
    def clip():
        total = utils.get_total_norm(grads(params))
        if total > o['maxNorm'] and torch.rand(()) < o['beta'] ** (o['maxNorm'] / total):
            utils.clip_grads_with_norm_(params, o['maxNorm'], total)

    return clip


def grad_scale(o, params, step):
    """The fused optimizers divide by a grad_scale on their way."""

    def run():
        norm = utils.get_total_norm(grads(params)).float()
        step.grad_scale = ((norm + 1e-6) / o['maxNorm']).clamp(min=1)
        step.step()

    return run


def clipped_sgd(o, params, coordinates):
    """In the operators of its authors."""
    buffers = {}

    @torch.no_grad()
    def step():
        norm = sum((p.grad.norm() ** 2 for p in params), 0.0) ** 0.5
        for p in params:
            if p in buffers:
                buffers[p].mul_(o['momentum']).add_(p.grad)
            else:
                buffers[p] = p.grad.clone()
            v = buffers[p]
            if coordinates:
                p.add_(-o['lr'] * (o['clippingLevel'] / (v.abs() + 1e-8)).clip(0, 1) * v)
            else:
                p.add_(v, alpha=-o['lr'] * min(1, o['clippingLevel'] / norm))

    return step


def expectigrad(o, params, lean):
    """In the operators of its authors, or `lean`: the same numbers from the fewest passes that PyTorch's operators allow."""
    state = {}
    t = 0

    def published(g, total, count, mean, p, rate):
        square = g.square()
        total.add_(square)
        count.add_(square.sign())
        average = total.div(count)
        average[average.isnan()] = 0.0
        mean.mul_(o['beta']).add_(g.div(average.sqrt_().add_(1e-8)).mul(1 - o['beta']))
        p.add_(mean.mul(-rate))

    def fewest(g, total, count, mean, p, rate):
        square = g.square()
        total.add_(square)
        count.add_(square.sign_())
        root = torch.div(total, count, out=square).nan_to_num_(nan=0.0).sqrt_().add_(1e-8)
        mean.mul_(o['beta']).addcdiv_(g, root, value=1 - o['beta'])
        p.add_(mean, alpha=-rate)

    @torch.no_grad()
    def step():
        nonlocal t
        t += 1
        for p in params:
            if p not in state:
                state[p] = [torch.zeros_like(p) for _ in range(3)]
            (fewest if lean else published)(p.grad, *state[p], p, o['lr'] / (1 - o['beta'] ** t))

    return step


CLIPS = {
    'norm': by_norm,
    'value': by_value,
    'valueDefault': by_value,
    'layerwise': layerwise,
    'agc': agc,
    'auto': auto,
    'stochastic': stochastic,
}


def rival(kind, case, options, params, state=None):
    """`state`: of another torch optimizer of the same rule, to share its memory. Returns the step and its state."""
    captured, kind = kind in GRAPHS, GRAPHS.get(kind, kind)
    if case['rule'] == 'clippedSGD':
        return clipped_sgd(options, params, case['clip'] == 'ownCoordinates'), None
    if case['rule'] == 'expectigrad':
        clip, step = by_norm(options, params, kind), expectigrad(options, params, kind == 'lean')
        own = None
    else:
        torch_optimizer = optimizer(case['rule'], options, params, kind, captured and gpu.DEVICE == 'cuda')
        if state is not None:
            torch_optimizer.state = state
        own = torch_optimizer.state
        if kind == 'gradScale':
            step = grad_scale(options, params, torch_optimizer)
            return gpu.captured(step) if captured else step, own
        clip, step = CLIPS[case['clip']](options, params, kind), torch_optimizer.step

    def run():
        clip()
        step()

    if captured:
        return gpu.captured(run), own
    return torch.compile(run) if kind == 'compile' else run, own
