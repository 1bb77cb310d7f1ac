"""A run that W&B's own client writes to a server: wandb_run.py FOLDER SERVER, with the values of each step as JSON on its input."""

import json
import sys

import wandb

folder, server = sys.argv[1:]
settings = wandb.Settings(base_url=server, api_key='k' * 40, console='off', silent=True, x_disable_stats=True, x_disable_meta=True)
run = wandb.init(project='digits', entity='me', name='one', id='theirs', config={'lr': 0.1, 'clip': {'kind': 'norm'}}, tags=['a'], group='g', notes='n', dir=folder, settings=settings)
for step, row in enumerate(json.load(sys.stdin)):
    run.log({key: float(value) for key, value in row.items()}, step=2 * step)
run.finish()
