"""Trajectories of the published codes of ClippedSGD, ClippedSSTM and Expectigrad with all their quirks, from formulas written for this project.

The cases are those of test/optim/originals/cases.json. The codes: EugGolovanov/TorchClippedOptimizers (2022), of which clipped-SSTM is
also ClippedStochasticMethods/clipped-SSTM (2021), and brett-daley/expectigrad (2020) for PyTorch and for Keras. Arithmetic has their
order and dtypes. The uniform draws of the random clipping types are written beside the trajectory.
"""

import heapq
import json
import math
import pathlib

import torch
from _encode import tensor, write

TABLE = json.loads((pathlib.Path(__file__).resolve().parents[2] / 'test/optim/originals/cases.json').read_text())


def initial(i):
    return ((i * 37 + 11) % 101 - 50) / 32


def gradient(kind, t, k, i):
    """Of element i, in parameter k, at step t; exact in every dtype. None: the parameter has no gradient in this step."""
    value = ((i * 53 + t * 29 + (i * t) % 17 * 7) % 61 - 30) / 16 * (32 if t % 10 == 7 else 1)
    if kind == 'missing' and (t + k) % 4 == 0 or kind == 'frozen' and k == 1:
        return None
    if kind == 'sparse' and (i + t) % 3 == 0:
        return 0.0
    if kind in ('tiny', 'huge') and i % 4 == 0:
        return value * 2.0 ** (-90 if kind == 'tiny' else 70)
    if kind in ('nan', 'inf') and t == 9 and i == 0:
        return math.nan if kind == 'nan' else math.inf
    return value


class Clip:
    """The coefficients of the nine clipping types; one of these serves all groups."""

    def __init__(self, o, coins):
        self.kind = o.get('clippingType', 'no_clip')
        self.beta, self.share, self.coins = o.get('beta', 0), o.get('pAutoclip', 0.75), coins
        self.count, self.heap = 0, []

    def see(self, norm):
        """A heap of the smaller norms, its largest on top: the would-be percentile."""
        self.count += 1
        if 'auto' in self.kind:
            if len(self.heap) / self.count < self.share:
                heapq.heappush(self.heap, -norm)
            elif norm < -self.heap[0]:
                heapq.heappushpop(self.heap, -norm)

    def coefficient(self, v, norm, level):
        if self.kind == 'no_clip':
            return 1
        if self.kind == 'coordinate_wise':
            return (level / (v.abs() + 1e-8)).clip(0, 1)
        if 'auto' in self.kind:
            level = -self.heap[0]
        ratio = level / (v.norm() if self.kind == 'layer_wise' else norm)
        if 'rand' in self.kind:
            self.coins.append(torch.rand(1))
            chance = self.beta ** (ratio**2 if 'quadratic' in self.kind else ratio)
            if not bool(self.coins[-1] < chance) or level > norm:
                return 1
        return ratio if ratio < 1 else 1

    def descend(self, params, grads, buffers, lr, momentum, level):
        norm = sum((g.norm() ** 2 for g in grads), 0.0) ** 0.5
        self.see(norm)
        for i, (p, v) in enumerate(zip(params, grads)):
            if momentum:
                buffers[i] = v.clone() if buffers[i] is None else buffers[i].mul(momentum).add(v)
                v = buffers[i]
            c = self.coefficient(v, norm, level)
            if self.kind == 'coordinate_wise':
                p.add_(-lr * c * v)
            else:
                p.add_(v, alpha=-lr * c)


def clipped_sgd(o, coins):
    clip, buffers = Clip(o, coins), {}

    def step(groups):
        for own, params in groups:
            moving = [p for p in params if p.grad is not None]
            held = [buffers.get(p) for p in moving]
            g = o | own
            clip.descend(moving, [p.grad for p in moving], held, g['lr'], g.get('momentum', 0), g.get('clippingLevel', 1.0))
            buffers.update(zip(moving, held))

    return step


def sstm_level(o):
    level, scale, nu = o.get('clippingLevel', 1.0), o['lr'] / (2 * o['L']), o.get('nu', 1)
    start = o.get('clippingIterStart')
    if start is not None and nu > 0 and o.get('clippingType') == 'norm':
        return scale * (start + 1) ** (2 * nu / (1 + nu))
    return level * scale if start is not None and nu < 1e-4 else level


def clipped_sstm(o, coins):
    clip = Clip(o, coins)
    own_level = sstm_level(o)
    s = {}  # One state, whatever the number of groups; its tensors go by their place.

    def step(groups):
        for own, params in groups:
            g = o | own
            nu, cap = g.get('nu', 1), g.get('aKRatioUpperBound', 1.0)
            moving = [p for p in params if p.grad is not None]
            if not s:
                s.update(k=0, alpha=0, level=0, A=0, A1=0, y=[p.clone() for p in moving], z=[p.clone() for p in moving])
            if s['k'] > 0:
                clip.descend(s['z'], [p.grad for p in moving], None, s['alpha'], 0, s['level'])
                s['y'] = [(s['A'] * y + s['alpha'] * z) / s['A1'] for y, z in zip(s['y'], s['z'])]
            # 1 / lr first, as the codes round it.
            alpha = 1 / (2 * (1 / g['lr']) * g['L']) * (s['k'] + 1) ** (2 * nu / (1 + nu))
            A, A1 = s['A1'], s['A1'] + alpha
            if cap < 1:
                most = 1 / (1 - cap)
                if A > most * alpha:
                    A, A1 = (most - 1) * alpha, most * alpha
            s.update(k=s['k'] + 1, alpha=alpha, level=own.get('clippingLevel', own_level) / alpha, A=A, A1=A1)
            for p, y, z in zip(moving, s['y'], s['z']):
                p.copy_((A * y + alpha * z) / A1)

    return step


def expectigrad(o, _):
    state = {}
    # Of a group's own options only lr, eps and the number beta have an effect.
    momentum, sparse = o.get('beta', 0.9) > 0, o.get('sparseCounter', True)

    def step(groups):
        for own, params in groups:
            g = o | own
            lr, beta, eps = g['lr'], g.get('beta', 0.9), g.get('eps', 1e-8)
            for p in params:
                if p.grad is None:
                    continue
                t, s, n, m = state.get(p, (0, *(torch.zeros_like(p) for _ in range(3))))
                t += 1
                square = p.grad.square()
                s = s + square
                n = n + square.sign() if sparse else n
                mean = s / (n if sparse else t)
                mean[mean.isnan()] = 0  # For 0/0, but also where a NaN ever was.
                m_or_step = p.grad / (mean.sqrt() + eps)
                if momentum:
                    m = m_or_step = m * beta + m_or_step * (1 - beta)
                state[p] = t, s, n, m
                p.add_(m_or_step * -(lr / (1 - beta**t) if momentum else lr))

    return step


def expectigrad_keras(o, _):
    state, t = {}, 0
    beta, eps, sparse = o.get('beta', 0.9), o.get('eps', 1e-8), o.get('sparseCounter', True)

    def transformed(grads):
        if 'clipvalue' in o:
            grads = [g.clamp(-o['clipvalue'], o['clipvalue']) for g in grads]
        if 'clipnorm' in o:
            norms = [(g * g).sum().sqrt() for g in grads]
            grads = [g * o['clipnorm'] / n.clamp(min=o['clipnorm']) for g, n in zip(grads, norms)]
        if 'globalClipnorm' in o:
            top = o['globalClipnorm']
            norm = torch.stack([(g * g).sum() / 2 for g in grads]).sum().mul(2).sqrt()
            scale = top * (1 / norm).clamp(max=torch.tensor(1, dtype=norm.dtype) / top)
            grads = [g * (scale if norm.isfinite() else math.nan) for g in grads]
        return grads

    def step(groups):
        nonlocal t
        moving = [p for _, params in groups for p in params if p.grad is not None]
        for p, g in zip(moving, transformed([p.grad for p in moving])):
            number = lambda x: torch.tensor(x, dtype=p.dtype)
            s, n, m = state.get(p, [torch.zeros_like(p) for _ in range(3)])
            # lr and decay were float32 on their way here, and the rest has the parameter's dtype: beta ** t too.
            single = lambda x: torch.tensor(x, dtype=torch.float32).to(p.dtype)
            lr = single(o['lr']) / (1 + single(o.get('decay', 0.0)) * t)
            square = g.square()
            s = s + square
            n = n + square.sign() if sparse else n
            count = n if sparse else number(t + 1)
            mean = torch.where(count == 0, number(0), s / count)
            m_or_step = g / (eps + mean.sqrt())
            if beta > 0:
                m = m_or_step = beta * m + (1 - beta) * m_or_step
                lr = lr / (1 - number(beta) ** number(t + 1))
            state[p] = s, n, m
            p.sub_(lr * m_or_step)
        t += 1  # Of the optimizer, not of a parameter.

    return step


MAKERS = {
    'ClippedSGD': clipped_sgd,
    'ClippedSSTM': clipped_sstm,
    'Expectigrad': expectigrad,
    'tensorflow': expectigrad_keras,
}


def parameters(case, dtype):
    """The groups: options of their own, and tensors."""
    start, groups = 0, []
    shapes = TABLE['layouts'][case.get('layout', 'mixed')]
    for own, group in zip(case.get('groups', [{}] * len(shapes)), shapes):
        params = []
        for shape in group:
            n = math.prod(shape)
            params.append(torch.tensor([initial(i) for i in range(start, start + n)], dtype=dtype).reshape(shape))
            start += n
        groups.append((own, params))
    return groups


def set_gradients(case, groups, t):
    start = 0
    for k, p in enumerate(p for _, params in groups for p in params):
        values = [gradient(case.get('gradients'), t, k, i) for i in range(start, start + p.numel())]
        p.grad = None if values[0] is None else torch.tensor(values, dtype=p.dtype).reshape(p.shape)
        start += p.numel()


def run(case, dtype, maker=None):
    """`maker` returns a function that takes one step of the groups; the default is ours."""
    coins, seen = [], []
    torch.manual_seed(3)
    groups = parameters(case, dtype)
    step = (maker or MAKERS[case.get('form', case['optimizer'])])(case['options'], coins)
    for t in range(1, TABLE['steps'] + 1):
        set_gradients(case, groups, t)
        step(groups)
        if t in TABLE['checkpoints']:
            seen.append(torch.cat([p.flatten() for _, params in groups for p in params]))
    return seen, coins


def generate(out_dir):
    golden = {}
    for name, case in TABLE['cases'].items():
        golden[name] = {}
        for dtype in ('float32', 'float64') if 'form' in case else ('float32', 'float64', 'bfloat16'):
            seen, coins = run(case, getattr(torch, dtype))
            golden[name][dtype] = {'params': [tensor(x) for x in seen]} | (
                {'coins': tensor(torch.cat(coins))} if coins else {}
            )
    write(out_dir / 'reference.json', golden)
