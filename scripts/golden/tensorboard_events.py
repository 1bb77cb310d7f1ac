"""Events as PyTorch's SummaryWriter writes them: for lib/utils/tensorboard.

Needs the package (pip install tensorboard) beside the reference PyTorch.
"""

import base64
import glob
import json
import tempfile

import torch
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

TIME = 1700000000.25


def events_of(write):
    with tempfile.TemporaryDirectory() as folder:
        writer = SummaryWriter(folder)
        write(writer)
        writer.close()
        (path,) = [p for p in glob.glob(f'{folder}/**/events*', recursive=True)]
        return [base64.b64encode(data).decode() for data in list(RawEventFileLoader(path).Load())[1:]]


def generate(out_dir):
    torch.manual_seed(0)
    values = torch.cat([torch.randn(200), torch.tensor([0.0, 1e-20, 100.0, -3.0])])
    cases = {
        'scalar': events_of(lambda w: w.add_scalar('train/loss', 0.125, 7, walltime=TIME)),
        'negative step': events_of(lambda w: w.add_scalar('a', -1.5, -1, walltime=TIME)),
        'not a number': events_of(lambda w: w.add_scalar('a', float('nan'), 0, walltime=TIME)),
        'text': events_of(lambda w: w.add_text('note', 'Snow ☃ *falls*', 3, walltime=TIME)),
        'histogram': events_of(lambda w: w.add_histogram('weights', values, 2, walltime=TIME)),
    }
    histogram = Event.FromString(base64.b64decode(cases['histogram'][0])).summary.value[0].histo
    described = {
        'values': values.tolist(),
        'min': histogram.min,
        'max': histogram.max,
        'num': histogram.num,
        'sum': histogram.sum,
        'sumOfSquares': histogram.sum_squares,
        'limits': list(histogram.bucket_limit),
        'counts': list(histogram.bucket),
    }
    del cases['histogram']
    summaries = hparams({'lr': 0.5, 'clip': 'norm', 'warmup': 100}, {'accuracy': 0, 'loss/final': 0})
    contents = [base64.b64encode(s.value[0].metadata.plugin_data.content).decode() for s in summaries]
    text = json.dumps({'time': TIME, 'events': cases, 'histogram': described, 'hparams': contents}, indent=1)
    (out_dir / 'tensorboard.json').write_text(text + '\n')
