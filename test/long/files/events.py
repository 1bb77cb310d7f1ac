"""What TensorBoard's own reader finds in a folder: events.py FOLDER   prints JSON, by run"""

import base64
import json
import os
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2


def hparams(accumulator):
    found = {}
    try:
        contents = accumulator.PluginTagToContent('hparams').values()
    except KeyError:
        return found
    for content in contents:
        data = plugin_data_pb2.HParamsPluginData.FromString(content)
        if data.HasField('session_start_info'):
            for name, value in data.session_start_info.hparams.items():
                found[name] = getattr(value, value.WhichOneof('kind'))
        if data.HasField('session_end_info'):
            found['status'] = data.session_end_info.status
        if data.HasField('experiment'):
            found['metrics'] = [info.name.tag for info in data.experiment.metric_infos]
    return found


def run_of(folder):
    accumulator = EventAccumulator(folder, size_guidance={'scalars': 0, 'histograms': 0, 'images': 0, 'tensors': 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    texts = {}
    for tag in tags['tensors']:
        texts[tag] = [[e.step, e.tensor_proto.string_val[0].decode()] for e in accumulator.Tensors(tag)]
    return {
        'scalars': {tag: [[e.step, e.value, e.wall_time] for e in accumulator.Scalars(tag)] for tag in tags['scalars']},
        'histograms': {
            tag: [[e.step, e.histogram_value.num, e.histogram_value.min, e.histogram_value.max, sum(e.histogram_value.bucket)] for e in accumulator.Histograms(tag)]
            for tag in tags['histograms']
        },
        'images': {
            tag: [[e.step, e.width, e.height, base64.b64encode(e.encoded_image_string).decode()] for e in accumulator.Images(tag)]
            for tag in tags['images']
        },
        'texts': texts,
        'hparams': hparams(accumulator),
    }


root = sys.argv[1]
runs = {}
for folder, _, files in os.walk(root):
    if any('tfevents' in name for name in files):
        runs[os.path.relpath(folder, root)] = run_of(folder)
print(json.dumps(runs))
