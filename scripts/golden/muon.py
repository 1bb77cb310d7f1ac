"""torch.optim.Muon's own trajectories; its iteration runs in bfloat16, so they are accurate to a few of its digits."""

import torch
from _encode import camel, write
from optimizers.layout import gradient, initial

SHAPES = [(6, 4), (3, 5), (4, 4)]
STEPS = 12
CASES = {
    'defaults': ({'lr': 0.02}, None),
    'no nesterov, match_rms_adamw': (
        {'lr': 0.05, 'nesterov': False, 'adjust_lr_fn': 'match_rms_adamw', 'momentum': 0.8, 'weight_decay': 0.3},
        None,
    ),
    'clipped, other coefficients': ({'lr': 0.02, 'ns_coefficients': (2, -1.5, 0.5), 'ns_steps': 8, 'eps': 1e-3}, 2.0),
}


def matrices(value):
    out, first = [], 0
    for rows, columns in SHAPES:
        out.append(torch.tensor([value(first + i) for i in range(rows * columns)]).reshape(rows, columns))
        first += rows * columns
    return out


def generate(out_dir):
    golden = {'shapes': SHAPES, 'steps': STEPS}
    for name, (options, max_norm) in CASES.items():
        params = [torch.nn.Parameter(p) for p in matrices(initial)]
        optimizer = torch.optim.Muon(params, **options)
        for t in range(1, STEPS + 1):
            for p, g in zip(params, matrices(lambda i: gradient(t, i))):
                p.grad = g
            if max_norm:
                torch.nn.utils.clip_grad_norm_(params, max_norm)
            optimizer.step()
        golden[name] = {
            'options': {camel(k): v for k, v in options.items()},
            'maxNorm': max_norm,
            'params': [p.detach().flatten().tolist() for p in params],
            'buffers': [optimizer.state[p]['momentum_buffer'].flatten().tolist() for p in params],
        }
    write(out_dir / 'muon.json', golden)
