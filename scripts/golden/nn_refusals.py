"""Which shapes and options the normalisations of torch.nn.functional refuse, and in which words."""

import torch
import torch.nn.functional as F
from _encode import write

SHAPES = [
    [1, 4],
    [2, 4],
    [0, 4],
    [1, 4, 1],
    [2, 4, 1],
    [1, 4, 2],
    [1, 4, 0],
    [1, 4, 1, 1],
    [2, 4, 1, 1],
    [1, 4, 2, 1],
    [1, 4, 1, 1, 1],
]


def refusal(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    return None


def statistics(channels):
    return torch.zeros(channels), torch.ones(channels)


def rows():
    for shape in SHAPES:
        x = torch.ones(shape)
        mean, var = statistics(shape[1])
        for groups in (1, 2, 4):
            yield ['groupNorm', shape, {'groups': groups}], lambda: F.group_norm(x, groups)
        for training in (True, False):
            for eps in (1e-5, 0.0, -1.0):
                yield (
                    ['batchNorm', shape, {'training': training, 'eps': eps}],
                    lambda: F.batch_norm(x, mean, var, training=training, eps=eps),
                )
            yield (
                ['instanceNorm', shape, {'useInputStats': training}],
                lambda: F.instance_norm(x, mean, var, use_input_stats=training),
            )


def generate(out_dir):
    write(out_dir / 'nn-refusals.json', [[*row, refusal(call)] for row, call in rows()])
