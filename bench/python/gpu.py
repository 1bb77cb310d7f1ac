"""A step on a GPU: its time by events, with the cache flushed before or not, and what it starts and waits for."""

import gc
import os
import time
import warnings

import torch

DEVICE = os.environ.get('BENCH_DEVICE', 'cpu')
# More than any GPU's second-level cache.
FLUSH = 256 << 20
own = {}


def release():
    """Releases memory that is no longer held, for the process beside this one."""
    own.clear()
    gc.collect()
    if DEVICE == 'cuda':
        torch.cuda.empty_cache()


def timed(run, iterations, flushed):
    """Seconds of all calls."""
    if DEVICE != 'cuda':
        start = time.perf_counter()
        for _ in range(iterations):
            run()
        return time.perf_counter() - start
    if 'flush' not in own:
        own['flush'] = torch.empty(FLUSH, dtype=torch.uint8, device='cuda')
    pairs = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(iterations if flushed else 1)]
    torch.cuda.synchronize()
    for start, end in pairs:
        if flushed:
            own['flush'].zero_()
        start.record()
        for _ in range(1 if flushed else iterations):
            run()
        end.record()
    torch.cuda.synchronize()
    return sum(start.elapsed_time(end) for start, end in pairs) / 1e3


def counted(run):
    """Kernels and other work that one call starts, and how often it waits; null where that cannot be seen."""
    if DEVICE != 'cuda':
        return {'kernels': None, 'others': None, 'waits': None}
    run()
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            run()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    # Suppress the warning that this mode is a prototype.
    waits = sum('called a synchronizing' in str(w.message) for w in seen)
    torch.cuda.synchronize()
    try:
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as p:
            run()
        names = [event.name for event in p.events()]
    except Exception as error:  # CUPTI is not everywhere
        print(f'no launches counted: {error}')
        return {'kernels': None, 'others': None, 'waits': waits}
    kernels = sum(name.startswith(('cudaLaunchKernel', 'cuLaunchKernel')) for name in names)
    others = sum(name.startswith(('cudaMemcpy', 'cudaMemset')) for name in names)
    return {'kernels': kernels or None, 'others': others if kernels else None, 'waits': waits}


def captured(run):
    """Replays one call; in a dry run, makes it."""
    if DEVICE != 'cuda':
        return run
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay
