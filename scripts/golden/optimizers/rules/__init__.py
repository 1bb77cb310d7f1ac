"""Every update rule in float64, by the optimizer's name: one module per family, each with RULES.

RULES[name](options) gives step(p, g, t) -> p for t = 1, 2, ...; p and g are flat vectors and `layout` says which tensor lies
where. The function may have an attribute `level(t)`, which multiplies the levels of clippers. PYTORCH names those that
torch.optim has; its own run must agree.
"""

import importlib
import pathlib

RULES = {}
PYTORCH = set()
for path in sorted(pathlib.Path(__file__).parent.glob('*.py')):
    if path.stem != '__init__':
        module = importlib.import_module(f'{__name__}.{path.stem}')
        RULES.update(module.RULES)
        PYTORCH.update(getattr(module, 'PYTORCH', ()))
