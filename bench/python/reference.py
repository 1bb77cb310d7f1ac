"""A case in fp64, for some rows of every tensor: what both sides must come to before they are timed."""

import torch


def unit_norm(x):
    return x.norm(dim=1, keepdim=True)


def clipped(case, o, grads, params, norms, history):
    """`norms`: of all the elements of each tensor."""
    kind, total = case['clip'], torch.stack(norms).norm()
    if kind in ('value', 'valueDefault'):
        return [g.clamp(-o['limit'], o['limit']) for g in grads]
    if kind == 'ownCoordinates':
        return [g.clamp(-o['clippingLevel'], o['clippingLevel']) for g in grads]
    if kind == 'layerwise':
        return [g * (o['maxNorm'] / (n + 1e-6)).clamp(max=1) for g, n in zip(grads, norms)]
    if kind == 'agc':
        limits = [o['clipping'] * unit_norm(p).clamp(min=o['eps']) for p in params]
        return [g * (limit / unit_norm(g)).clamp(max=1) for g, limit in zip(grads, limits)]
    if kind == 'none':
        return grads
    if kind == 'auto':
        history.append(total)
        level = torch.stack(history).quantile(o['percentile'] / 100)
    elif kind == 'norm':
        level, total = o['maxNorm'], total + 1e-6
    else:
        level = o['maxNorm'] if kind == 'stochastic' else o['clippingLevel']
    c = (level / total).clamp(max=1)
    return [g * c for g in grads]


def move(rule, o, p, g, state, t):
    """The parameter after step t; moves the state."""
    if rule in ('sgd', 'momentum', 'clippedSGD'):
        state['b'] = o.get('momentum', 0) * state.get('b', 0) + g
        return p - o['lr'] * state['b']
    if rule == 'expectigrad':
        state['s'] = state.get('s', 0) + g * g
        state['n'] = state.get('n', 0) + (g != 0).double()
        step = g / (1e-8 + (state['s'] / state['n']).nan_to_num(0).sqrt())
        state['m'] = o['beta'] * state.get('m', 0) + (1 - o['beta']) * step
        return p - o['lr'] * state['m'] / (1 - o['beta'] ** t)
    p = p * (1 - o['lr'] * o.get('weightDecay', 0))
    state['m'] = 0.9 * state.get('m', 0) + 0.1 * g
    state['v'] = 0.999 * state.get('v', 0) + 0.001 * g * g
    return p - o['lr'] * (state['m'] / (1 - 0.9**t)) / ((state['v'] / (1 - 0.999**t)).sqrt() + 1e-8)


@torch.no_grad()
def trajectory(case, o, tensors, factors):
    """The samples before the first and after the last step."""
    tensors.reset()
    start = params = tensors.sample(tensors.params)
    grads = tensors.sample([p.grad for p in tensors.params])
    norms = [p.grad.double().norm() for p in tensors.params]
    states, history = [{} for _ in params], []
    for t, f in enumerate(factors, 1):
        taken = clipped(case, o, [g * f for g in grads], params, [n * f for n in norms], history)
        params = [move(case['rule'], o, p, g, s, t) for p, g, s in zip(params, taken, states)]
    return torch.cat([p.flatten() for p in start]), torch.cat([p.flatten() for p in params])


def error(start, end, seen, steps, dtype):
    """The largest error beyond the rounding of the parameter itself, relative to the largest change."""
    rounding = steps * torch.finfo(dtype).eps * torch.maximum(start.abs(), end.abs())
    return (((seen - end).abs() - rounding).clamp(min=0).max() / (end - start).abs().max()).item()
