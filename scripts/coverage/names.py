"""Writes scripts/coverage/names.json: the public names of the reference PyTorch, by namespace.

A name is public when it stands in `__all__`, or, where there is none, when it is a documented callable or class that the
namespace does not merely import. scripts/coverage/main.ts compares them with this package.
"""

import importlib
import inspect
import json
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent

# The classes of `torch` that its manual documents; the others in `torch.__all__` belong to TorchScript's compiler.
CLASSES = 'Event Generator OutOfMemoryError Size Stream Tensor device dtype finfo iinfo layout memory_format'.split()

NAMESPACES = """
nn.functional nn.init nn.utils nn.utils.rnn nn.utils.parametrize nn.utils.parametrizations nn.utils.prune
nn.utils.stateless nn.attention nn.attention.bias optim optim.lr_scheduler optim.swa_utils autograd autograd.functional
autograd.graph autograd.forward_ad backends.cpu backends.cuda backends.cudnn backends.mkl backends.mkldnn backends.openmp
profiler cuda.nvtx func distributions distributions.constraints
distributions.transforms utils.data utils.checkpoint fft linalg special sparse amp cuda random nested signal.windows
distributed nn.parallel
""".split()


def public(value: object) -> bool:
    return callable(value) and not isinstance(value, types.ModuleType) and bool(getattr(value, '__doc__', None))


def top_level(torch) -> list[str]:
    constants = (torch.dtype, torch.layout, torch.memory_format, float)
    names = []
    for name in dir(torch):
        value = getattr(torch, name)
        if name.startswith('_') or name == 'TYPE_CHECKING':
            continue
        if isinstance(value, type):
            wanted = name in CLASSES or value.__module__.split('.')[-1] in ('grad_mode', 'autocast_mode', 'grad_scaler')
        else:
            wanted = isinstance(value, constants) or public(value) or name == 'newaxis'
        if wanted:
            names.append(name)
    return names


def of_module(module) -> list[str]:
    """`__all__` without the submodules in it; else what is defined in the package of the module and documented."""
    home = module.__name__
    if type(module) is not types.ModuleType:
        # Its switches are properties of a class of its own, which holds the module itself.
        switches = [n for n, v in vars(type(module)).items() if type(v).__name__ == 'ContextProp']
        return switches + [n for n, v in vars(module.m).items() if public(v) and getattr(v, '__module__', '') == home]
    listed = getattr(module, '__all__', None)
    if listed is None or home in ('torch.fft', 'torch.linalg'):
        listed = [
            n
            for n, v in vars(module).items()
            if public(v) and (inspect.isbuiltin(v) or str(getattr(v, '__module__', '')).startswith((home, 'torch._C._lin')))
        ]
    return [n for n in listed if not n.startswith('_') and not isinstance(getattr(module, n, None), types.ModuleType)]


def of_functional(functional) -> list[str]:
    """torch.nn.functional has no `__all__`, and imports the operators that it presents."""
    skip = {'Callable', 'Optional', 'boolean_dispatch', 'handle_torch_function', 'has_torch_function'}
    return [
        n
        for n, v in vars(functional).items()
        if not n.startswith(('_', 'has_torch_function')) and n not in skip and public(v) and not inspect.isclass(v)
    ]


def members(cls, base: type = object) -> list[str]:
    """Documented and other public attributes of a class, without those of its base."""
    return [n for n in dir(cls) if not n.startswith('_') and not hasattr(base, n)]


def documented_members(cls) -> list[str]:
    return [n for n in members(cls) if getattr(getattr(cls, n), '__doc__', None)]


def main() -> None:
    import torch
    from torch import nn, optim

    names = {
        'torch': top_level(torch),
        'Tensor': documented_members(torch.Tensor),
        'nn': [n for n, v in vars(nn).items() if not n.startswith('_') and public(v)],
        'nn.Module': members(nn.Module),
        'optim.Optimizer': members(optim.Optimizer),
    }
    for space in NAMESPACES:
        module = importlib.import_module(f'torch.{space}')
        names[space] = of_functional(module) if space == 'nn.functional' else of_module(module)
    out = HERE / 'names.json'
    body = {space: sorted(set(list_)) for space, list_ in names.items()}
    out.write_text(json.dumps({'torch': torch.__version__.split('+')[0], 'names': body}, indent=1) + '\n')
    print({space: len(list_) for space, list_ in body.items()})


if __name__ == '__main__':
    sys.path.insert(0, str(HERE.parent))
    path = importlib.import_module('gen-golden').reference_path()
    if path:
        sys.path.insert(0, str(path))
    main()
