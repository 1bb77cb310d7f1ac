"""What eval() puts into the parameters of optimizers whose result is another point than the one they train at: y of clipped-SSTM, x of Schedule-Free."""

import json

import numpy
import torch
from _encode import write
from optim import GRADIENTS, START, STEPS
from optimizers import clippers
from optimizers.layout import CASES
from optimizers.rules import RULES

# clippingType and its options, and the same clipper with its level.
TYPES = {
    'noClip': ({}, None),
    'norm': ({'clippingType': 'norm', 'clippingLevel': 0.5}, clippers.norm(0.5, eps=0)),
    'layerWise': ({'clippingType': 'layer_wise'}, clippers.norm(0.3, scope='tensor', eps=0)),
    'coordinateWise': ({'clippingType': 'coordinateWise'}, clippers.value(0.1)),
    'linearRandNorm': (
        {'clippingType': 'linearRandNorm', 'clippingLevel': 0.5, 'beta': 0.4, 'seed': 3},
        clippers.norm(0.5, coin=(0.4, 1, 3)),
    ),
}


def result(spec, clip=None, dtype=torch.float64):
    step = RULES[spec['optimizer']](spec['options'])
    sign = -1 if spec['options'].get('maximize') else 1
    p = START
    for t in range(1, STEPS + 1):
        g = clip(GRADIENTS[t], p, step.level(t)) if clip else GRADIENTS[t]
        p = torch.tensor(step(p, sign * g, t)).to(dtype).double().numpy()
    return step.answer(p).tolist()


def from_start(options, start):
    """The level of clippingIterStart, at which lambda of the step after `start` others is 1."""
    step = RULES['ClippedSSTM'](options)
    return 1 / step.level(start + 1)


def generate(out_dir):
    golden = {}
    for family in ('sstm', 'schedule-free'):
        for name, spec in json.loads((CASES / 'rules' / f'{family}.json').read_text()).items():
            golden[name] = {'float64': result(spec), 'bfloat16': result(spec, dtype=torch.bfloat16)}
    options = {'lr': 0.05, 'L': 2, 'nu': 0.8}
    types = {
        name: [given, result({'optimizer': 'ClippedSSTM', 'options': options}, clip)] for name, (given, clip) in TYPES.items()
    }
    level = from_start(options, 20)
    types['clippingIterStart'] = [
        {'clippingType': 'norm', 'clippingIterStart': 20},
        result({'optimizer': 'ClippedSSTM', 'options': options}, clippers.norm(level, eps=0)),
    ]
    assert len({tuple(numpy.round(y, 9)) for _, y in types.values()}) == len(types)
    golden['ClippedSSTM by clippingType'] = {'options': options, 'types': types}
    write(out_dir / 'averaging.json', golden)
