"""Two ranks whose gradients PyTorch's powerSGD_hook compresses: their parameters after some steps."""

import json
import os
import tempfile

import torch
import torch.distributed as dist
from torch import multiprocessing, nn
from torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook import PowerSGDState, powerSGD_hook

CASES = {
    'rank 1': {},
    'rank 2, without warm start': {'matrix_approximation_rank': 2, 'warm_start': False},
    'rank 4': {'matrix_approximation_rank': 4, 'min_compression_rate': 1},
    'rank 3, tensors of one shape together': {
        'matrix_approximation_rank': 3,
        'min_compression_rate': 0.5,
        'batch_tensors_with_same_shape': True,
    },
    'without error feedback, with an epsilon': {
        'use_error_feedback': False,
        'orthogonalization_epsilon': 1e-3,
        'random_seed': 5,
    },
}
STEPS = 6


def train(rank, options):
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 6, 3), nn.Tanh(), nn.Flatten(), nn.Linear(24, 9), nn.Tanh(), nn.Linear(9, 9), nn.Linear(9, 9)
    # One bucket: the hook's calls of several would overtake each other on Gloo's threads, and ranks would not agree on their order.
    model = nn.parallel.DistributedDataParallel(nn.Sequential(*layers).double())
    state = PowerSGDState(None, start_powerSGD_iter=2, **options)
    model.register_comm_hook(state, powerSGD_hook)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(2 * step + rank)
        x = torch.randn(4, 1, 4, 4, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    return {'parameters': flat.tolist(), 'stats': list(state.compression_stats())}


def run(rank, folder):
    os.environ['GLOO_SOCKET_IFNAME'] = 'lo'
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    results = {name: train(rank, options) for name, options in CASES.items()}
    if rank == 0:
        with open(f'{folder}/results.json', 'w') as file:
            json.dump(results, file)
    dist.destroy_process_group()


def generate(out_dir):
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(run, args=(folder,), nprocs=2)
        with open(f'{folder}/results.json') as file:
            results = json.load(file)
    names = {name: {camel(key): value for key, value in options.items()} for name, options in CASES.items()}
    cases = [{'name': name, 'options': names[name], **results[name]} for name in CASES]
    (out_dir / 'power-sgd.json').write_text(json.dumps({'steps': STEPS, 'cases': cases}) + '\n')


def camel(name):
    first, *rest = name.split('_')
    return first + ''.join(word.capitalize() for word in rest)
