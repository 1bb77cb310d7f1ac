import numpy


def lion(o):
    """Chen et al. 2023, algorithm 2."""
    b1, b2 = o.get('betas', (0.9, 0.99))
    m = 0.0

    def step(p, g, t):
        nonlocal m
        direction = b1 * m + (1 - b1) * g
        # A sign only tells something about an implementation with other rounding if it is clear.
        size = numpy.abs(direction)
        assert ((size == 0) | (size > 1e-5 * size.max())).all()
        m = b2 * m + (1 - b2) * g
        return p - o['lr'] * (numpy.sign(direction) + o.get('weightDecay', 0) * p)

    return step


RULES = {'Lion': lion}
