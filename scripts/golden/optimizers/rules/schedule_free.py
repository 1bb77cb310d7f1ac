"""Schedule-Free in the notation of the paper: p is y, from which the average x follows."""

import numpy


def schedule_free(o, beta, direction):
    z = None
    top = weights = 0.0

    def step(p, g, t):
        nonlocal z, top, weights
        z = p if t == 1 else z
        x = (p - (1 - beta) * z) / beta
        lr = o['lr'] * min(1, t / max(1, o.get('warmupSteps', 0)))
        top = max(top, lr)
        weight = t ** o.get('r', 0) * top ** o.get('weightLrPower', 2)
        weights += weight
        z = z - lr * direction(p, g, t)
        x = x + weight / weights * (z - x)
        return (1 - beta) * z + beta * x

    step.answer = lambda p: (p - (1 - beta) * z) / beta
    return step


def sgd(o):
    return schedule_free(o, o.get('momentum', 0.9), lambda p, g, t: g + o.get('weightDecay', 0) * p)


def adamw(o):
    beta, beta2 = o.get('betas', (0.9, 0.999))
    v = 0.0

    def direction(p, g, t):
        nonlocal v
        v = beta2 * v + (1 - beta2) * g * g
        return g / (numpy.sqrt(v / (1 - beta2**t)) + o.get('eps', 1e-8)) + o.get('weightDecay', 0) * p

    return schedule_free(o, beta, direction)


RULES = {'SGDScheduleFree': sgd, 'AdamWScheduleFree': adamw}
