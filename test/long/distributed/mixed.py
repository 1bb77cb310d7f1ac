"""A rank of Python for test/long/distributed/mixed.ts: the collectives that both languages share, as the Node ranks call them."""

import json
import os
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook import PowerSGDState, powerSGD_hook

rank, size = int(os.environ['RANK']), int(os.environ['WORLD_SIZE'])
dist.init_process_group('gloo', init_method=os.environ['MEET'], rank=rank, world_size=size, timeout=timedelta(seconds=60))
answers = []


def note(*tensors):
    answers.append([t.double().tolist() for t in tensors])


def own():
    return torch.tensor([rank + 1.0, -rank, 0.5 * rank])


for op in ('SUM', 'AVG', 'PRODUCT', 'MIN', 'MAX'):
    t = own()
    dist.all_reduce(t, op=getattr(dist.ReduceOp, op))
    note(t)
t = own()
dist.broadcast(t, size - 1)
note(t)
t = own()
dist.reduce(t, 0)
if rank == 0:
    note(t)
parts = [torch.empty(3) for _ in range(size)]
dist.all_gather(parts, own())
note(*parts)
flat = torch.empty(3 * size)
dist.all_gather_single(flat, own())
note(flat)
parts = [torch.empty(3) for _ in range(size)] if rank == 0 else None
dist.gather(own(), parts, 0)
if rank == 0:
    note(*parts)
t = torch.empty(3)
dist.scatter(t, [torch.full((3,), float(i)) for i in range(size)] if rank == 0 else None, 0)
note(t)
t = torch.empty(2)
dist.reduce_scatter_single(t, torch.arange(2.0 * size) + rank)
note(t)
t = torch.empty(size)
dist.all_to_all_single(t, torch.arange(float(size)) + 10 * rank)
note(t)
t = torch.empty(size * rank)
dist.all_to_all_single(t, torch.arange(size * (size - 1) / 2), [rank] * size, list(range(size)))
note(t)
parts = [torch.empty(2) for i in range(size)]
dist.all_to_all(parts, [torch.full((2,), rank + 0.1 * i) for i in range(size)])
note(*parts)
t = torch.empty(3)
request = dist.isend(own(), (rank + 1) % size, tag=5)
dist.recv(t, (rank - 1) % size, tag=5)
request.wait()
note(t)
group = dist.new_group([0, size - 1])
t = own()
if rank in (0, size - 1):
    dist.all_reduce(t, group=group)
note(t)
layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
for i, p in enumerate(layers.parameters()):
    p.data.copy_((torch.arange(p.numel()).view_as(p) + i + rank) * 0.01)
model = torch.nn.parallel.DistributedDataParallel(layers)
for step in range(3):
    model.zero_grad()
    model(torch.full((2, 3), 0.1 * (rank + 1 + step))).pow(2).mean().backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
note(*(p.grad for p in model.parameters()))
note(*(p.detach() for p in model.parameters()))
torch.manual_seed(3)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)))
model.register_comm_hook(PowerSGDState(None, start_powerSGD_iter=2), powerSGD_hook)
for step in range(4):
    model.zero_grad()
    x = torch.arange(16.0).view(2, 8).add(rank + step).sin()
    model(x).pow(2).mean().backward()
    note(*(p.grad for p in model.parameters()))
dist.barrier()
print(json.dumps(answers))
dist.destroy_process_group()
