import { expect } from 'chai';
import torch, { clip, type ErrorCode, nn, optim, TorchClipError } from '../../../lib/index.js';

const p = () => torch.ones([2], { requiresGrad: true });
// Hostile callers are not bound by types.
const { SGD, Adam, AdamW } = optim as unknown as Record<string, new (...args: unknown[]) => optim.Adam>;
const { norm, value, layerwise, byNorm, byGlobalNorm, byValue, byAverageNorm } = clip as unknown as Record<
  string,
  (...args: unknown[]) => unknown
>;
const utils = nn.utils as unknown as Record<string, (...args: unknown[]) => unknown>;
const withGrad = () => {
  const t = p();
  t.grad = torch.ones([2]);
  return t;
};

const refused: [string, () => unknown, RegExp, ErrorCode?][] = [
  ['no parameters', () => new SGD!([]), /optimizer got an empty parameter list/],
  [
    'a bare tensor',
    () => new SGD!(p()),
    /params argument given to the optimizer should be an iterable of Tensors or groups, but got a Tensor/,
  ],
  ['undefined', () => new SGD!(), /params argument .* but got undefined/],
  ['a number among them', () => new SGD!([p(), 1]), /optimizer can only optimize Tensors, but one of the params is 1/],
  ['a non-leaf', () => new SGD!([p().mul(2)]), /can't optimize a non-leaf Tensor/],
  [
    'integers',
    () => new SGD!([torch.ones([2], { dtype: torch.int64 })]),
    /expected a tensor of float32.* got Long/,
    'ERR_DTYPE',
  ],
  ['a sparse tensor', () => new SGD!([torch.ones([2]).toSparse()]), /a sparse parameter is not supported/],
  [
    'an expanded tensor',
    () => new SGD!([torch.ones([1]).expand([3])]),
    /elements share memory, as expand\(\) makes, cannot/,
  ],
  [
    'a disposed tensor',
    () => {
      const t = p();
      t.dispose();
      return new SGD!([t]);
    },
    /disposed/,
    'ERR_DISPOSED',
  ],
  [
    'duplicates',
    () => {
      const t = p();
      return new SGD!([t, t]);
    },
    /a parameter group contains duplicate parameters/,
  ],
  [
    'a tensor in two groups',
    () => {
      const t = p();
      return new SGD!([{ params: [t] }, { params: t }]);
    },
    /some parameters appear in more than one parameter group/,
  ],
  ['tensors among groups', () => new SGD!([{ params: [p()] }, p()]), /"params\[1\]" must be a parameter group/],
  ['negative lr', () => new SGD!([p()], { lr: -1 }), /^Invalid learning rate: -1 \("lr" must be a number >= 0\)$/],
  ['lr NaN', () => new SGD!([p()], { lr: Number.NaN }), /Invalid learning rate: NaN/],
  ['lr as a string', () => new SGD!([p()], { lr: '1' }), /Invalid learning rate: "1"/],
  ['negative momentum', () => new SGD!([p()], { momentum: -0.5 }), /Invalid momentum value: -0\.5/],
  ['negative weight decay', () => new SGD!([p()], { weightDecay: -1 }), /Invalid weight_decay value: -1/],
  [
    'nesterov without momentum',
    () => new SGD!([p()], { nesterov: true }),
    /Nesterov momentum requires a momentum and zero dampening/,
  ],
  [
    'nesterov with dampening',
    () => new SGD!([p()], { nesterov: true, momentum: 0.9, dampening: 0.1 }),
    /Nesterov momentum requires/,
  ],
  ['a flag as a number', () => new SGD!([p()], { maximize: 1 }), /"maximize" must be true or false, got 1/],
  [
    'an unknown option',
    () => new SGD!([p()], { weight_decay: 1 }),
    /unknown option "weight_decay" of SGD; did you mean "weightDecay"\? It takes lr, momentum, .*, clip, nonFinite/,
  ],
  [
    'an unknown option of a group',
    () => new SGD!([{ params: [p()], beta: 1 }]),
    /unknown option "beta" of a parameter group of SGD; it takes lr, momentum/,
  ],
  ['a bad option of a group', () => new Adam!([{ params: [p()], eps: -1 }]), /Invalid epsilon value: -1/],
  [
    'a common option in a group',
    () => new Adam!([{ params: [p()], clip: clip.norm(1) }]),
    /unknown option "clip" of a parameter group of Adam; it takes lr, betas/,
  ],
  ['negative eps', () => new Adam!([p()], { eps: -1 }), /Invalid epsilon value: -1/],
  ['beta1 of 1', () => new Adam!([p()], { betas: [1, 0.999] }), /Invalid beta parameter at index 0: 1 /],
  ['beta2 below 0', () => new Adam!([p()], { betas: [0.9, -0.1] }), /Invalid beta parameter at index 1: -0\.1/],
  ['one beta', () => new Adam!([p()], { betas: 0.9 }), /"betas" must be an array of 2 numbers, got 0\.9/],
  [
    'AdamW without decoupled decay',
    () => new AdamW!([p()], { decoupledWeightDecay: false }),
    /"decoupledWeightDecay" must be true in this optimizer/,
  ],
  [
    'a clipper by number',
    () => new AdamW!([p()], { clip: 1 }),
    /"clip" must be a Clipper, such as clip\.norm\(1\), or null, got 1/,
  ],
  [
    'an unknown policy',
    () => new AdamW!([p()], { nonFinite: 'ignore' }),
    /"nonFinite" must be "propagate", "skip", "zero" or "error", got "ignore"/,
  ],
  [
    'negative skips',
    () => new AdamW!([p()], { maxConsecutiveSkips: -1 }),
    /"maxConsecutiveSkips" must be an integer >= 0/,
  ],
  ['writeBack as a string', () => new AdamW!([p()], { writeBack: 'yes' }), /"writeBack" must be true or false/],
  ['options that are none', () => new AdamW!([p()], 0.1), /"options" of AdamW must be a plain object, got 0\.1/],
  [
    'a closure that is none',
    () => Reflect.apply(optim.SGD.prototype.step, new SGD!([p()]), [1]),
    /"closure" must be a function, got 1/,
  ],
  ...[() => new SGD!([p()]), () => new optim.SparseAdam([p()]), () => new optim.LBFGS([p()])].flatMap((make) =>
    [async () => 1, () => Promise.resolve(1)].map((closure, i): (typeof refused)[number] => [
      `a closure that ${i === 0 ? 'is async' : 'returns a promise'}, ${make().constructor.name}`,
      () => Reflect.apply(make().step, make(), [closure]),
      /^"closure" of step\(\) must be a synchronous function, got an async one/,
      'ERR_ASYNC_SCOPE',
    ]),
  ),
  [
    'setToNone as a number',
    () => Reflect.apply(optim.SGD.prototype.zeroGrad, new SGD!([p()]), [{ setToNone: 0 }]),
    /"setToNone" must be true or false/,
  ],
  ['maxNorm 0', () => norm!(0), /"maxNorm" must be a number > 0, got 0/],
  ['maxNorm NaN', () => norm!(Number.NaN), /"maxNorm" must be a number > 0, got NaN/],
  ['no maxNorm', () => layerwise!(), /"maxNorm" must be a number > 0, got undefined/],
  ['normType -1', () => norm!(1, { normType: -1 }), /"normType" must be a number > 0, got -1/],
  [
    'an unknown scope',
    () => norm!(1, { scope: 'layer' }),
    /"scope" must be "global", "group", "tensor" or "row", got "layer"/,
  ],
  ['a negative limit', () => value!(-1), /"limit" must be a number > 0, got -1/],
  ['byNorm of a number', () => byNorm!(3, 1), /"t" must be a Tensor, got 3/],
  ['byNorm with level 0', () => byNorm!(p(), 0), /"clipNorm" must be a number > 0, got 0/],
  ['byGlobalNorm of a tensor', () => byGlobalNorm!(p(), 1), /"ts" must be an array of Tensors, got a Tensor/],
  ['byGlobalNorm of numbers', () => byGlobalNorm!([1], 1), /"ts\[0\]" must be a Tensor, got 1/],
  ['byValue with mixed bounds', () => byValue!(p(), 0, p()), /"min and max" must be two numbers or two Tensors/],
  ['byAverageNorm with level -1', () => byAverageNorm!(p(), -1), /"clipNorm" must be a number > 0, got -1/],
  [
    'clipGradNorm_ of a number',
    () => utils.clipGradNorm_!(1, 1),
    /"parameters" must be a Tensor or an iterable of Tensors, got 1/,
  ],
  ['clipGradNorm_ of numbers', () => utils.clipGradNorm_!([1], 1), /"parameters\[0\]" must be a Tensor, got 1/],
  [
    'clipGradNorm_ with a negative level',
    () => utils.clipGradNorm_!([p()], -1),
    /"maxNorm" must be a number >= 0, got -1/,
  ],
  [
    'clipGradNorm_ with p = 0',
    () => utils.clipGradNorm_!([p()], 1, { normType: 0 }),
    /"normType" must be a number > 0, got 0/,
  ],
  [
    'clipGradValue_ with NaN',
    () => utils.clipGradValue_!([withGrad()], Number.NaN),
    /"clipValue" must be a number >= 0, got NaN/,
  ],
  [
    'clipGradsWithNorm_ with two norms',
    () => utils.clipGradsWithNorm_!([p()], 1, p()),
    /"totalNorm" must be a Tensor of one real element/,
  ],
  [
    'clipGradsWithNorm_ with a complex norm',
    () => utils.clipGradsWithNorm_!([withGrad()], 1, torch.ones([1], { dtype: torch.complex64 })),
    /"totalNorm" must be a Tensor of one real element/,
  ],
  [
    'getTotalNorm of integers',
    () => utils.getTotalNorm!([torch.ones([2], { dtype: torch.int32 })]),
    /expected a tensor of float32/,
    'ERR_DTYPE',
  ],
  [
    'a vector of the wrong size',
    () => utils.vectorToParameters!(torch.ones([3]), [p()]),
    /"vector" must have shape \[2\], got \[3\]/,
    'ERR_SHAPE',
  ],
];

describe('optim: bad arguments', () => {
  for (const [name, call, message, code = 'ERR_ARGUMENT'] of refused) {
    it(`refuses ${name}`, () => {
      expect(call).throw(TorchClipError, message).property('code', code);
    });
  }

  it('an option broken between steps is named, and nothing moves', () => {
    const t = withGrad();
    const optimizer = new optim.AdamW([t]);
    Object.assign(optimizer.paramGroups[0]!, { lr: '1' });
    expect(() => optimizer.step()).throw(
      TorchClipError,
      /Invalid learning rate: "1" \("paramGroups\[0\]\.lr" must be a number >= 0\)/,
    );
    Object.assign(optimizer.paramGroups[0]!, { lr: 1, betas: null });
    expect(() => optimizer.step()).throw(
      TorchClipError,
      /"paramGroups\[0\]\.betas" must be an array of 2 numbers, got null/,
    );
    expect(t.tolist()).deep.equal([1, 1]);
  });

  it('a sparse gradient is refused, and nothing moves', () => {
    const [t, u] = [withGrad(), torch.ones([3, 2], { requiresGrad: true })];
    const optimizer = new optim.Adam([t, u]);
    u.grad = torch.ones([3, 2]).toSparse();
    expect(() => optimizer.step()).throw(TorchClipError, /a sparse gradient is not supported/);
    expect(t.tolist()).deep.equal([1, 1]);
  });

  it('a gradient that cannot be written back is refused before anything moves', () => {
    const [t, u] = [withGrad(), p()];
    u.grad = torch.ones([1]).expand([2]);
    const optimizer = new optim.SGD([t, u], { lr: 1, clip: clip.norm(1), writeBack: true });
    expect(() => optimizer.step()).throw(TorchClipError, /elements share memory/);
    expect(() => nn.utils.clipGradNorm_([t, u], 0.5)).throw(TorchClipError, /elements share memory/);
    expect([t.tolist(), t.grad!.tolist()]).deep.equal([
      [1, 1],
      [1, 1],
    ]);
  });

  it('a parameter that changed its shape is refused', () => {
    const [t, u] = [withGrad(), withGrad()];
    const optimizer = new optim.Adam([t, u]);
    optimizer.step();
    const before = t.tolist();
    torch.noGrad(() => u.set_(torch.ones([50])));
    u.grad = torch.ones([50]);
    expect(() => optimizer.step())
      .throw(TorchClipError, /a parameter and its state have different shapes/)
      .property('code', 'ERR_STATE');
    expect(t.tolist()).deep.equal(before);
  });

  it('a group that is refused leaves the optimizer as it was', () => {
    const t = withGrad();
    const optimizer = new optim.SGD([t], { lr: 1 });
    expect(() => optimizer.addParamGroup({ params: [t] })).throw(TorchClipError);
    expect(() => optimizer.addParamGroup({ params: [p()], lr: -1 })).throw(TorchClipError);
    expect(optimizer.paramGroups).length(1);
    optimizer.step();
    expect(t.tolist()).deep.equal([0, 0]);
  });
});
