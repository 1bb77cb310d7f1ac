"""The Python side of a benchmark: reads {"name", "iterations"} lines and answers {"seconds"}."""

import json
import os
import sys
import time

import torch


def serve(cases):
    """cases: name -> a function without arguments, run `iterations` times a request."""
    torch.set_num_threads(int(os.environ['BENCH_THREADS']))
    for line in sys.stdin:
        request = json.loads(line)
        run = cases[request['name']]
        n = range(request['iterations'])
        start = time.perf_counter()
        for _ in n:
            run()
        print(json.dumps({'seconds': time.perf_counter() - start}), flush=True)
