"""A line of JSON in, {"call": name, "with": arguments}; a line of JSON out: what the function of that name returned, or why not."""

import json
import os
import sys
import traceback

import torch


def serve(functions):
    torch.set_num_threads(int(os.environ['BENCH_THREADS']))
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # Whatever a library prints does not come between the answers.
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {'returned': functions[request['call']](**request['with'])}
        except Exception as error:
            traceback.print_exc()
            answer = {'refused': f'{type(error).__name__}: {error}'.splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)
