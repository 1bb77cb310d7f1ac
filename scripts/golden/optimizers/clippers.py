"""Every clipper in float64. make(spec) gives (gradient, update), two functions or None: clip(g, p, level) -> g."""

import math

import numpy

from .layout import COUNT, units


def philox(seed, counter, lane):
    """Philox4x32-10's number in [0, 1)."""
    c = [counter & 0xFFFFFFFF, counter >> 32, lane, 0]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return ((c[0] << 32 | c[1]) >> 11) * 2.0**-53


def p_norm(x, p):
    return numpy.abs(x).max() if p == math.inf else (numpy.abs(x) ** p).sum() ** (1 / p)


def ratio(level, norm):
    return 1.0 if norm <= level else level / norm


class Scaler:
    """A clipper that multiplies each unit of its scope: `decide(unit, g, p, level, total)` gives the coefficient."""

    def __init__(self, scope, decide, order=2, coin=None):
        self.units, self.decide, self.order, self.coin = units(scope), decide, order, coin
        self.flips = 0

    def __call__(self, g, p, level):
        norms = [p_norm(g[u], self.order) for u in self.units]
        total = math.sqrt(sum(n * n for n in norms))
        out = g.copy()
        for i, (u, norm) in enumerate(zip(self.units, norms)):
            c = self.decide(i, norm, g[u], p[u], level, total)
            if self.coin and c < 1:
                beta, power, seed = self.coin
                if philox(seed, self.flips, i) >= beta ** (c**power):
                    c = 1.0
            out[u] = g[u] * c
        self.flips += 1
        return out


def norm(level, normType=2, scope='global', eps=1e-6, coin=None):
    order = float(normType)

    def decide(i, n, g, p, scale, total):
        return ratio(level * scale, n) if coin else min(1.0, level * scale / (n + eps))

    return Scaler(scope, decide, order, coin)


def auto(percentile=10, window=None, normType=2, scope='global', coin=None):
    histories = {}

    def decide(i, n, g, p, scale, total):
        if n == 0:  # says nothing of scale
            return 1.0
        history = histories.setdefault(i, [])
        history.append(n)
        seen = history if window is None else history[-window:]
        return ratio(float(numpy.percentile(seen, percentile)), n)

    return Scaler(scope, decide, float(normType), coin)


def agc(clipping=0.01, eps=1e-3, scope='row', coin=None):
    def decide(i, n, g, p, scale, total):
        return ratio(clipping * scale * max(p_norm(p, 2), eps), n)

    return Scaler(scope, decide, 2, coin)


def rms(threshold, scope='tensor', coin=None):
    return Scaler(scope, lambda i, n, g, p, scale, total: ratio(threshold * scale, n / math.sqrt(len(g))), 2, coin)


def zscore(zThreshold=2.5, alpha=0.97, warmup=25, scope='global', coin=None):
    seen = {}

    def decide(i, n, g, p, scale, total):
        if n == 0:  # says nothing of scale
            return 1.0
        state = seen.setdefault(i, {'first': [], 'mean': 0.0, 'variance': 0.0})
        if len(state['first']) < warmup:
            state['first'].append(n)
            state['mean'], state['variance'] = numpy.mean(state['first']), numpy.var(state['first'])
            return 1.0
        deviation = math.sqrt(state['variance'])
        z = (n - state['mean']) / (deviation + 1e-6)
        c = ratio(state['mean'] + zThreshold**2 / z * deviation, n) if z > zThreshold else 1.0
        state['mean'] = alpha * state['mean'] + (1 - alpha) * n * c
        state['variance'] = alpha * state['variance'] + (1 - alpha) * (n * c - state['mean']) ** 2
        return c

    return Scaler(scope, decide, 2, coin)


def adaGC(relative=1.05, absolute=1, beta=0.98, warmup=100, scope='tensor', coin=None):
    counts, gammas = {}, {}

    def decide(i, n, g, p, scale, total):
        if n == 0:  # says nothing of scale
            return 1.0
        counts[i] = counts.get(i, 0) + 1
        if counts[i] > warmup:
            c = ratio(relative * gammas[i], n)
            gammas[i] = beta * gammas[i] + (1 - beta) * n * c
            return c
        c = ratio(absolute, total)
        gammas[i] = min(gammas.get(i, math.inf), n * c)
        return c

    return Scaler(scope, decide, 2, coin)


def value(limit):
    return lambda g, p, level: numpy.clip(g, -limit * level, limit * level)


def spam(threshold=5000, beta=0.999, resetEvery=math.inf):
    t, v = 0, numpy.zeros(COUNT)

    def clip(g, p, level):
        nonlocal t, v
        fresh = t % resetEvery == 0
        t += 1
        if fresh:
            v = (1 - beta) * g * g
            return g
        most = threshold * v / (1 - beta ** ((t - 1) % resetEvery))
        g = numpy.where((v > 0) & (g * g > most), numpy.sign(g) * numpy.sqrt(most), g)
        v = v + (1 - beta) * (g * g - v)
        return g

    return clip


KINDS = {
    'norm': norm,
    'layerwise': lambda level, **o: norm(level, **o, scope='tensor'),
    'value': value,
    'auto': auto,
    'agc': agc,
    'rms': rms,
    'zscore': zscore,
    'adaGC': adaGC,
    'spam': spam,
}


def build(spec, coin=None):
    """A list of (placement, clip)."""
    if spec is None:
        return []
    kind, args = spec['kind'], spec['args']
    if kind == 'chain':
        return [stage for inner in args for stage in build(inner)]
    if kind == 'stochastic':
        options = args[1]
        return build(args[0], (options['beta'], options.get('power', 1), options.get('seed', 0)))
    positional = [a for a in args if not isinstance(a, dict)]
    options = dict(next((a for a in args if isinstance(a, dict)), {}))
    placement = options.pop('placement', 'gradient')
    if coin:
        options['coin'] = coin
    return [(placement, KINDS[kind](*positional, **options))]


def make(spec):
    def composed(placement):
        chosen = [clip for where, clip in build(spec) if where == placement]
        if not chosen:
            return None

        def clip(g, p, level):
            for one in chosen:
                g = one(g, p, level)
            return g

        return clip

    return composed('gradient'), composed('update')
