"""clipped-SSTM in the notation of the paper: step t forms x_t, gets the gradient there, and forms z_t and y_t."""


def sstm(o):
    cap = o.get('aKRatioUpperBound', 1)
    nu = o.get('nu', 1)
    y = z = None
    total = 0.0

    def alpha(t):
        growth = t + 1 if o.get('schedule') == 'linear' else t ** (2 * nu / (1 + nu))
        return o['lr'] / (2 * o['L']) * growth

    def before(t):
        """A before step t, so that A / (A + alpha) is at most the bound."""
        return total if cap == 1 else min(total, cap / (1 - cap) * alpha(t))

    def step(p, g, t):
        nonlocal y, z, total
        if t == 1:
            y = z = p
        A, a = before(t), alpha(t)
        z = z - a * g
        y = (A * y + a * z) / (A + a)
        total = A + a
        return (before(t + 1) * y + alpha(t + 1) * z) / (before(t + 1) + alpha(t + 1))

    step.level = lambda t: 1 / alpha(t)
    step.answer = lambda p: y
    return step


RULES = {'ClippedSSTM': sstm}
