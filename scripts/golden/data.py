"""Orders that torch.utils.data draws: loaders, samplers and random splits, and the state of the generator afterwards."""

import itertools

import torch
from torch.utils import data

import _encode

# (rows, loader options, seed of an own generator or None for the global one, batches taken before the full epochs)
LOADERS = [
    (10, {'batch_size': 3}, None, 0),
    (10, {'batch_size': 3, 'shuffle': True}, None, 0),
    (10, {'batch_size': 3, 'shuffle': True}, 42, 0),
    (10, {'batch_size': 3, 'shuffle': True, 'drop_last': True}, 42, 0),
    (12, {'batch_size': 4, 'shuffle': True}, 7, 0),
    (12, {'batch_size': 4, 'shuffle': True, 'drop_last': True}, 7, 0),
    (12, {'batch_size': 4, 'shuffle': True}, 7, 2),
    (12, {'batch_size': 4, 'shuffle': True}, None, 1),
    (12, {'batch_size': 4}, 7, 0),
    (5, {'shuffle': True}, 1, 0),
    (3, {'batch_size': 8, 'shuffle': True}, 1, 0),
    (3, {'batch_size': 8, 'drop_last': True}, 1, 0),
    (1000, {'batch_size': 300, 'shuffle': True}, 2**40 + 5, 0),
]

SPLITS = [(10, [3, 7], 42), (10, [0.5, 0.25, 0.25], 42), (7, [0.5, 0.3, 0.2], None), (6, [6, 0], 3)]


def generator(seed):
    torch.manual_seed(5)
    return None if seed is None else torch.Generator().manual_seed(seed)


def next_draw(own):
    return torch.randint(2**31, (1,), generator=own).item()


def loader(rows, options, seed, taken):
    own = generator(seed)
    rows_of = data.DataLoader(data.TensorDataset(torch.arange(rows)), generator=own, **options)
    first = [batch[0].tolist() for batch in itertools.islice(rows_of, taken)] if taken else []
    epochs = [[batch[0].tolist() for batch in rows_of] for _ in range(2)]
    return {
        'rows': rows,
        'options': {_encode.camel(k): v for k, v in options.items()},
        'seed': seed,
        'taken': taken,
        'first': first,
        'epochs': epochs,
        'length': len(rows_of),
        'next': next_draw(own),
    }


def split(rows, lengths, seed):
    own = generator(seed)
    parts = data.random_split(range(rows), lengths, generator=own or torch.default_generator)
    indices = [list(part.indices) for part in parts]
    return {'rows': rows, 'lengths': lengths, 'seed': seed, 'indices': indices, 'next': next_draw(own)}


def samplers():
    rows = range(10)
    for name, make in {
        'random': lambda g: data.RandomSampler(rows, generator=g),
        'fewer': lambda g: data.RandomSampler(rows, num_samples=4, generator=g),
        'more': lambda g: data.RandomSampler(rows, num_samples=25, generator=g),
        'replacement': lambda g: data.RandomSampler(rows, replacement=True, num_samples=70, generator=g),
        'subset': lambda g: data.SubsetRandomSampler([9, 4, 6, 2], generator=g),
        'weighted': lambda g: data.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 8, generator=g),
        'weightedOnce': lambda g: data.WeightedRandomSampler([1, 2, 3, 4], 3, replacement=False, generator=g),
    }.items():
        own = generator(21)
        yield {'name': name, 'order': list(make(own)), 'next': next_draw(own)}


def distributed():
    for rows, replicas, drop_last in itertools.product([1, 5, 8, 10, 23], [1, 3, 4], [False, True]):
        if drop_last and rows < replicas:
            continue  # PyTorch fails there
        for shuffle, epoch in [(False, 0), (True, 0), (True, 2)]:
            orders = []
            for rank in range(replicas):
                sampler = data.DistributedSampler(range(rows), replicas, rank, shuffle=shuffle, seed=3, drop_last=drop_last)
                sampler.set_epoch(epoch)
                orders.append(list(sampler))
            yield {'rows': rows, 'dropLast': drop_last, 'shuffle': shuffle, 'epoch': epoch, 'orders': orders}


def generate(out_dir) -> None:
    value = {
        'loaders': [loader(*case) for case in LOADERS],
        'splits': [split(*case) for case in SPLITS],
        'samplers': list(samplers()),
        'distributed': list(distributed()),
    }
    _encode.write(out_dir / 'data.json', value)
