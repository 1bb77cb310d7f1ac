"""torch.distributions: its distributions, divergences, transforms and constraints, whose cases stand in test/distributions/cases.

An array among the arguments of a case is a tensor of the default dtype that wants a gradient; test/golden/distributions holds results
alone, and of each at most 6 elements and a weighted sum of all.
"""

import base64
import json
import pathlib
import re
import struct
import warnings

import torch
import torch.distributions as D
from torch.distributions import constraints

import _encode
from nn_cases import pull, snake

SEED = 1234
SAMPLES = 6
CASES = pathlib.Path(__file__).resolve().parents[2] / 'test' / 'distributions' / 'cases'
DTYPES = (torch.float32, torch.float64)
PROBABILITIES = (0.05, 0.3, 0.5, 0.9)


def digest(t: torch.Tensor) -> list:
    """Dtype, shape, and the elements and the sum as bytes."""
    flat = t.detach().to(torch.float64).reshape(-1)
    n = flat.numel()
    count = min(n, SAMPLES)
    values = [flat[i * n // count].item() for i in range(count)]
    finite = torch.where(flat.isfinite(), flat, torch.zeros_like(flat))
    values.append((finite * torch.arange(n, dtype=torch.float64).cos()).sum().item())
    data = base64.b64encode(struct.pack(f'<{len(values)}d', *values)).decode()
    return [str(t.dtype).removeprefix('torch.'), list(t.shape), data]


class Makers:
    """Builds what a case describes; `leaves` are the tensors whose gradients are looked at."""

    def __init__(self):
        self.leaves = []

    def value(self, spec):
        if isinstance(spec, list):
            leaf = torch.tensor(spec, dtype=torch.get_default_dtype()).requires_grad_()
            self.leaves.append(leaf)
            return leaf
        if not isinstance(spec, dict):
            return spec
        if 'list' in spec:
            return [self.value(s) for s in spec['list']]
        if 'numbers' in spec:
            return spec['numbers']
        args = [self.value(a) for a in spec.get('args', [])]
        options = {snake(k): self.value(v) for k, v in spec.get('options', {}).items()}
        if 'constraint' in spec:
            name = spec['constraint']
            made = getattr(constraints, name if name[0].isupper() else snake(name))
            return made(*args, **options) if 'args' in spec else made
        if 'transform' in spec:
            made = getattr(D.transforms, spec['transform'])(*args, **options)
            return made.inv if spec.get('inv') else made
        made = self.distribution(spec, args, options)
        return made.expand(spec['expand']) if 'expand' in spec else made

    @staticmethod
    def distribution(spec, args, options):
        name = spec['distribution']
        home = {'LogitRelaxedBernoulli': D.relaxed_bernoulli, 'ExpRelaxedCategorical': D.relaxed_categorical}.get(name, D)
        if name.endswith(('RelaxedBernoulli', 'RelaxedCategorical', 'RelaxedOneHotCategorical')):
            # A number would have no logarithm.
            args[0] = torch.as_tensor(args[0], dtype=torch.get_default_dtype())
        return getattr(home, name)(*args, **options)


def attempt(run):
    """What `run` gives, or null where PyTorch has no such thing."""
    try:
        return run()
    except NotImplementedError:
        return None


def with_gradients(cases: list, run):
    """The value of `run` for what the cases describe, and the gradients of the leaves; made anew, as a pass frees its graph."""

    def compute():
        makers = Makers()
        value = run(*(makers.value(case) for case in cases))
        try:
            pull([value])
        except NotImplementedError:  # gammainc has no derivative by its first argument
            return [digest(value), None]
        return [digest(value), [None if leaf.grad is None else digest(leaf.grad) for leaf in makers.leaves]]

    return attempt(compute)


# Bounds of constraints of real numbers print as floats where Python holds an int.
def printed(constraint) -> str:
    text = repr(constraint)
    if 'Integer' in text or 'Multinomial' in text:
        return text
    return re.sub(r'(_bound=-?\d+)(?=[,)])', r'\1.0', text)


def rsampled(d) -> torch.Tensor:
    if not isinstance(d, D.Wishart):
        return d.rsample((2,))
    # PyTorch's own has no gradient, as it writes to a mask; it draws twice, and returns the second.
    d._bartlett_sampling((2,))
    return d._bartlett_sampling((2,))


def seeded(run):
    torch.manual_seed(SEED)
    return run()


def of_distribution(case: dict) -> dict:
    d = Makers().value(case)
    result = {
        'repr': repr(d),
        'batchShape': list(d.batch_shape),
        'eventShape': list(d.event_shape),
        'hasRsample': d.has_rsample,
        'hasEnumerateSupport': d.has_enumerate_support,
        'argConstraints': {_encode.camel(k): printed(c) for k, c in d.arg_constraints.items()},
        'support': printed(d.support),
        'isDiscrete': d.support.is_discrete,
        'eventDim': d.support.event_dim,
    }
    for name in ('mean', 'mode', 'variance', 'stddev'):
        value = attempt(lambda: getattr(d, name))  # noqa: B023
        result[name] = None if value is None else digest(value)
    sample = seeded(lambda: d.sample((3,))).detach()
    result['sample'] = digest(sample)
    # Where the stream is after that.
    result['next'] = digest(torch.rand(1))
    result['one'] = digest(seeded(lambda: d.sample()))
    result['rsample'] = with_gradients([case], lambda d: seeded(lambda: rsampled(d)))
    result['logProb'] = with_gradients([case], lambda d: d.log_prob(sample))
    # That of an expanded Multinomial fails in PyTorch.
    if not (isinstance(d, D.Multinomial) and 'expand' in case):
        result['entropy'] = with_gradients([case], lambda d: d.entropy())
        value = attempt(lambda: d.perplexity())
        result['perplexity'] = None if value is None else digest(value)
    result['cdf'] = with_gradients([case], lambda d: d.cdf(sample))
    p = torch.tensor(PROBABILITIES).reshape([-1] + [1] * len(d.batch_shape))
    result['icdf'] = with_gradients([case], lambda d: d.icdf(p))
    if d.has_enumerate_support:
        # Not where counts differ within a batch.
        result['enumerated'] = attempt(lambda: [digest(d.enumerate_support(expand=e)) for e in (True, False)])
    wide = d.expand([2, *d.batch_shape])
    result['expanded'] = [repr(wide), digest(seeded(lambda: wide.sample())), digest(wide.log_prob(sample[:2]))]
    # Some of the above compute parameters that are printed from then on.
    result['reprAfter'] = repr(d)
    return {k: v for k, v in result.items() if v is not None}


def of_divergence(case: dict) -> dict:
    return {'kl': with_gradients([case['p'], case['q']], D.kl_divergence)}


def of_transform(case: dict) -> dict:
    makers = Makers()
    t = makers.value(case)
    x = makers.value(case['x'])
    result = {
        'repr': repr(t),
        'bijective': t.bijective,
        'domain': printed(t.domain),
        'codomain': printed(t.codomain),
        'eventDims': [t.domain.event_dim, t.codomain.event_dim],
        'shapes': [list(t.forward_shape(x.shape)), list(t.inverse_shape(t.forward_shape(x.shape)))],
    }
    sign = attempt(lambda: t.sign)
    if sign is not None:
        result['sign'] = digest(torch.as_tensor(sign, dtype=torch.get_default_dtype()))
    y = t(x).detach()
    result['forward'] = with_gradients([case, case['x']], lambda t, x: t(x))
    result['inverse'] = attempt(lambda: digest(t.inv(y)))
    result['logAbsDetJacobian'] = with_gradients([case, case['x']], lambda t, x: t.log_abs_det_jacobian(x, t(x)))
    if result['logAbsDetJacobian'] is not None:
        result['ofInverse'] = digest(t.inv.log_abs_det_jacobian(y, x))
    return {k: v for k, v in result.items() if v is not None}


def of_constraint(case: dict) -> dict:
    makers = Makers()
    c = makers.value(case)
    value = torch.tensor(case['value'], dtype=torch.get_default_dtype())
    result = {'repr': printed(c), 'isDiscrete': c.is_discrete, 'eventDim': c.event_dim, 'check': c.check(value).tolist()}
    for name, registry in (('bijectTo', D.biject_to), ('transformTo', D.transform_to)):
        transform = attempt(lambda: registry(c))  # noqa: B023
        if transform is None:
            continue
        x = torch.tensor(case.get('x', case['value']), dtype=torch.get_default_dtype()) / 2
        result[name] = [repr(transform), attempt(lambda: digest(transform(x)))]  # noqa: B023
    return result


RUNS = {'kl': of_divergence, 'transforms': of_transform, 'constraints': of_constraint}


def generate(out_dir) -> None:
    folder = out_dir / 'distributions'
    folder.mkdir(exist_ok=True)
    warnings.simplefilter('ignore')
    for path in sorted(CASES.glob('*.json')):
        run = RUNS.get(path.stem, of_distribution)
        results = []
        for case in json.loads(path.read_text()):
            both = []
            for dtype in DTYPES:
                torch.set_default_dtype(dtype)
                both.append(run(case))
            results.append(both)
        torch.set_default_dtype(torch.float32)
        _encode.write(folder / path.name, results)
    pairs = sorted([p.__name__, q.__name__] for p, q in D.kl._KL_REGISTRY)
    (folder / 'pairs.json').write_text(json.dumps(pairs) + '\n')
