"""Quartiles, outlier ratios and Hill estimates of clip.tailIndex, by numpy and the textbook formulas."""

import math
from statistics import NormalDist

import numpy

import _encode


def histories():
    draw = numpy.random.default_rng(12)
    yield 'normal', numpy.abs(draw.normal(5, 1, 500)), None, 0.95
    yield 'pareto', draw.pareto(1.5, 400) + 1, None, 0.95
    yield 'student', numpy.abs(draw.standard_t(1.5, 301)), 30, 0.9
    yield 'lognormal', draw.lognormal(0, 2, 256), 255, 0.99
    yield 'integers', draw.integers(0, 9, 37).astype(float), None, 0.5
    yield 'few', numpy.arange(1.0, 11.0), 1, 0.95


def generate(out_dir) -> None:
    cases = []
    for name, x, k, confidence in histories():
        n = len(x)
        k_used = k or math.isqrt(n)
        q1, q3 = numpy.percentile(x, [25, 75])
        top = numpy.sort(x)[::-1]
        alpha = 1 / numpy.mean(numpy.log(top[:k_used] / top[k_used]))
        half = NormalDist().inv_cdf((1 + confidence) / 2) * alpha / math.sqrt(k_used)
        cases.append({
            'name': name,
            'history': x.tolist(),
            'options': {'confidence': confidence} | ({'k': k} if k else {}),
            'q1': q1,
            'q3': q3,
            'mildRatio': numpy.mean(x > q3 + 1.5 * (q3 - q1)) / 0.0035,
            'extremeRatio': numpy.mean(x > q3 + 3 * (q3 - q1)) / 1.2e-6,
            'k': k_used,
            'alpha': alpha,
            'interval': [max(alpha - half, 0), alpha + half],
        })
    _encode.write(out_dir / 'tail-index.json', cases)
