"""Writes documented.json: which functions and methods have a page in PyTorch's manual.

PyTorch's documentation tests hold that a public function with a docstring is listed in the manual; the exceptions
below have a docstring and no page.

    python3 scripts/gen-ops/documented.py    (with the reference torch on PYTHONPATH)
"""

import json
import pathlib

import torch

NO_PAGE = {
    "torch": """adaptive_avg_pool1d as_strided_scatter as_tensor avg_pool1d bilinear celu_ channel_shuffle conv1d conv2d
        conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity empty_permuted hardshrink
        hash_tensor hspmm is_inference native_channel_shuffle nonzero_static pairwise_distance pdist pixel_shuffle
        pixel_unshuffle prelu quantize_per_tensor_dynamic relu_ rrelu_ segment_reduce selu_ smm sparse_compressed_tensor
        sspaddmm threshold_ unsafe_chunk unsafe_split""",
    "torch.Tensor": "exp2_ heaviside_ index is_neg put swapaxes_ swapdims_ to_padded_tensor",
    "torch.nn.functional": "celu_ channel_shuffle conv_tbc native_channel_shuffle selu_",
}


def documented(scope):
    owner = eval(scope, {"torch": torch})
    names = [
        n
        for n in dir(owner)
        if not n.startswith("_") and callable(getattr(owner, n)) and getattr(getattr(owner, n), "__doc__", None)
    ]
    return sorted(n for n in names if n not in NO_PAGE.get(scope, "").split() and not n.endswith("_copy"))


SCOPES = ["torch", "torch.Tensor", "torch.linalg", "torch.fft", "torch.special", "torch.nn.functional"]
out = pathlib.Path(__file__).with_name("documented.json")
ops = {s.name.removeprefix("aten::") for s in torch._C._jit_get_all_schemas() if s.name.startswith("aten::")}
local = {o.split("_", 1)[1] for o in ops if o.split("_")[0] in ("linalg", "fft", "special") and "_" in o}
known = ops | local
table = {s: [n for n in documented(s) if n in known] for s in SCOPES}
out.write_text(json.dumps(table, indent=0).replace("\n", " ").replace("] ,", "],") + "\n")
