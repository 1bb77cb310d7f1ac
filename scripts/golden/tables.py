"""Parquet and Arrow files of pyarrow, tokens of the Python package tokenizers: for lib/data/readers.

Needs the packages (pip install pyarrow tokenizers).
"""

import base64
import datetime
import io
import json

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

COMPRESSIONS = ['NONE', 'SNAPPY', 'ZSTD', 'GZIP', 'BROTLI', 'LZ4']


def encoded(data):
    return base64.b64encode(data).decode()


def table():
    n = 10
    day = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    columns = {
        'id': pa.array([2**53 + i for i in range(n)], pa.int64()),
        'label': pa.array([i % 3 for i in range(n)], pa.int32()),
        'weight': pa.array([i / 4 for i in range(n)], pa.float32()),
        'text': pa.array([None if i == 4 else f'line {i} ☃' for i in range(n)], pa.string()),
        'flag': pa.array([i % 2 == 0 for i in range(n)], pa.bool_()),
        'when': pa.array([day + datetime.timedelta(hours=i) for i in range(n)], pa.timestamp('ms', 'UTC')),
        'vector': pa.array([[i, i + 0.5] for i in range(n)], pa.list_(pa.float64())),
        'bytes': pa.array([bytes([i]) for i in range(n)], pa.binary()),
    }
    return pa.table(columns)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return {'date': value.isoformat()}
    if isinstance(value, bytes):
        return {'bytes': list(value)}
    if isinstance(value, int) and not isinstance(value, bool) and value >= 2**53:
        return {'bigint': str(value)}
    return value


def parquet(data, compression):
    buffer = io.BytesIO()
    pq.write_table(data, buffer, compression=compression, row_group_size=4)
    return encoded(buffer.getvalue())


def arrow(data, new):
    buffer = io.BytesIO()
    with new(buffer, data.schema) as writer:
        writer.write_table(data, max_chunksize=4)
    return encoded(buffer.getvalue())


def tokens():
    texts = ['the quick brown fox', 'the lazy dog', 'a fox and a dog', 'Snow ☃ falls']
    tokenizer = Tokenizer(models.BPE(unk_token='[UNK]'))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ['[PAD]', '[UNK]', '[CLS]']
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single='[CLS] $A', special_tokens=[('[CLS]', 2)])
    cases = [*texts, '', 'unseen words, 名', '  two  spaces\n']
    encodings = [
        {'text': text, 'ids': tokenizer.encode(text).ids, 'bare': tokenizer.encode(text, add_special_tokens=False).ids}
        for text in cases
    ]
    return {'tokenizer': json.loads(tokenizer.to_str()), 'encodings': encodings}


def generate(out_dir):
    data = table()
    text = json.dumps(
        {
            'rows': plain(data.to_pylist()),
            'parquet': {name: parquet(data, name) for name in COMPRESSIONS},
            'arrow': {'file': arrow(data, pa.ipc.new_file), 'stream': arrow(data, pa.ipc.new_stream)},
            'tokens': tokens(),
        },
        separators=(',', ':'),
    )
    (out_dir / 'tables.json').write_text(text + '\n')
