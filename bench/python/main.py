"""The Python side of the benchmark."""

import json
import pathlib
import time

import gpu
import small
import torch
from reference import error, trajectory
from rivals import rival
from serve import serve
from tensors import Tensors

TABLE = json.loads((pathlib.Path(__file__).resolve().parents[1] / 'cases.json').read_text())
now = {'tensors': None, 'case': None, 'steps': {}, 'states': {}}


def described(name):
    case = TABLE['cases'][name]
    return case, TABLE['rules'][case['rule']]['options'] | TABLE['clips'][case['clip']]['options']


def open_shape(shape, dtype, copies=1):
    close_shape()
    now['tensors'] = Tensors(shape, dtype, copies)


def forget():
    now['steps'].clear()
    now['states'].clear()


def close_shape():
    forget()
    now['tensors'] = None
    gpu.release()


def check(case, rivals, factors, files):
    """Errors of each rival, and of the samples in `files`, against the fp64 reference."""
    (case, options), tensors = described(case), now['tensors']
    forget()
    start, end = trajectory(case, options, tensors, factors)

    def error_of(seen):
        return error(start, end, seen.to(start.device), len(factors), tensors.params[0].dtype)

    errors = {}
    for name, file in files.items():
        errors[name] = error_of(torch.frombuffer(bytearray(pathlib.Path(file).read_bytes()), dtype=torch.float64))
    for kind in rivals:
        tensors.reset()
        step, _ = rival(kind, case, options, tensors.params)
        for factor in factors:
            tensors.gradients(factor)
            step()
        errors[kind] = error_of(torch.cat([s.flatten() for s in tensors.sample(tensors.params)]))
        if kind == 'compile':
            now['steps'][kind] = step
        del step
        gpu.release()
    return errors


def prepare(case, rivals):
    """Makes the rivals ready to be timed, on one set of tensors and, where they can, one state."""
    (case, options), tensors = described(case), now['tensors']
    now['case'] = case
    tensors.reset()
    for kind in rivals:
        # Reuse the compiled function that was checked: compiling takes long.
        if kind in now['steps']:
            continue
        # A fused optimizer counts its steps on the GPU, as captured ones do, where a foreach one would wait for each count.
        owner = 'foreach' if kind == 'foreach' and gpu.DEVICE == 'cuda' else 'all'
        state = now['states'].get(owner)
        now['steps'][kind], now['states'][owner] = rival(kind, case, options, tensors.params, state)
        now['steps'][kind]()


def time_calls(run, iterations, untimed=1):
    for _ in range(untimed):
        run()
    start = time.perf_counter()
    for _ in range(iterations):
        run()
    return time.perf_counter() - start


def huge_pages():
    """MB of this process on huge pages, or None where the system does not say."""
    try:
        lines = pathlib.Path('/proc/self/smaps_rollup').read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith('AnonHugePages'))


def step(rival, iterations, untimed=1):
    run = now['steps'][rival]
    if now['case']['clip'] != 'stochastic':
        return time_calls(run, iterations, untimed)
    # What it has clipped has a norm that it would not clip again.
    took = 0
    for i in range(-untimed, iterations):
        now['tensors'].gradients(1)
        once = time_calls(run, 1, 0)
        took += once if i >= 0 else 0
    return took


serve({
    'open': open_shape,
    'check': check,
    'prepare': prepare,
    'step': step,
    'close': close_shape,
    'huge_pages': huge_pages,
    'timed': lambda rival, iterations, flushed: gpu.timed(now['steps'][rival], iterations, flushed),
    'counted': lambda rival: gpu.counted(now['steps'][rival]),
    'threads': torch.set_num_threads,
    'make': small.make,
    'small': lambda name, **calls: time_calls(small.cases[name], **calls),
    'versions': lambda: {'torch': torch.__version__},
})
