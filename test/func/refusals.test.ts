// What transforms refuse.
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { line } from './functions.js';
import { expectOutside } from './support.js';

const { func } = torch;
const x = line([3]);
const square = (t: Tensor) => t.square().sum();

afterEach(expectOutside);

describe('what a transform refuses', () => {
  const a = line([3, 2]);
  const id = (t: Tensor) => t;
  // Without their types, which refuse most of this.
  interface Loose {
    (...args: unknown[]): unknown;
    [i: number]: (...args: unknown[]) => unknown;
  }
  const { grad, jacrev, jvp, vjp, vmap } = torch.func as unknown as Record<string, (...args: unknown[]) => Loose>;
  const any = <T>(value: unknown) => value as T;
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  type Case = [name: string, call: () => unknown, code: string, message: RegExp];
  const cases: Case[] = [
    ['no function', () => grad!(any(5)), 'ERR_ARGUMENT', /^"func" of grad\(\) must be a function, got 5$/],
    [
      'an async function',
      () => grad!(any(async () => x)),
      'ERR_ASYNC_SCOPE',
      /"func" of grad\(\) must be a synchronous/,
    ],
    ['a promise', () => vmap!(() => any<Tensor>(Promise.resolve(x)))(), 'ERR_ARGUMENT', /at least one argument/],
    [
      'a promise of vmap',
      () => vmap!((_: Tensor) => any<Tensor>(Promise.resolve(1)))(x),
      'ERR_ASYNC_SCOPE',
      /"func" of vmap/,
    ],
    [
      'a result that is not a number',
      () => grad!(id)(x),
      'ERR_SHAPE',
      /without dimensions, got \[3\]; vjp\(\) and jacrev\(\)/,
    ],
    ['a result that is not a tensor', () => grad!(any(() => 5))(x), 'ERR_ARGUMENT', /must return a Tensor, got 5/],
    ['integers', () => grad!((t: Tensor) => t.sum())(torch.tensor([1n])), 'ERR_DTYPE', /floating-point.*got int64/],
    [
      'argnums beyond',
      () => grad!((t: Tensor) => t.sum(), 3)(x),
      'ERR_ARGUMENT',
      /is 3, but there are only 1 arguments/,
    ],
    ['argnums twice', () => grad!((t: Tensor) => t.sum(), [0, -1])(x), 'ERR_ARGUMENT', /must be different arguments/],
    [
      'argnums that are none',
      () => grad!(square, any('x')),
      'ERR_ARGUMENT',
      /"argnums" must be an integer or an array/,
    ],
    ['no argnums', () => grad!(square, any([])), 'ERR_ARGUMENT', /"argnums" must be/],
    ['a wrong option', () => grad!(square, any({ argnum: 1 })), 'ERR_ARGUMENT', /did you mean "argnums"/],
    ['no aux', () => grad!(any(square), any({ hasAux: true }))(x), 'ERR_ARGUMENT', /array \[output, aux\]/],
    ['no output', () => vjp!(() => [], x), 'ERR_ARGUMENT', /at least one Tensor/],
    [
      'cotangents nested otherwise',
      () => vjp!(id, x)[1]!(any([x])),
      'ERR_ARGUMENT',
      /nested as the output is, \*, got \[\*\]/,
    ],
    ['cotangents of another shape', () => vjp!(id, x)[1]!(a), 'ERR_SHAPE', /must have the shape \[3\], got \[3, 2\]/],
    ['cotangents of another dtype', () => vjp!(id, x)[1]!(x.float()), 'ERR_DTYPE', /must have the dtype float64/],
    [
      'tangents nested otherwise',
      () => jvp!(id, [x], any([])),
      'ERR_ARGUMENT',
      /nested as the arguments are, \[\*\], got \[\]/,
    ],
    ['tangents of another shape', () => jvp!(id, [x], [a]), 'ERR_SHAPE', /must have the shape/],
    ['primals that are no array', () => jvp!(id, any(x), [x]), 'ERR_ARGUMENT', /"primals" must be an array/],
    ['no primals', () => jvp!(() => x, [], []), 'ERR_ARGUMENT', /at least one Tensor/],
    ['independence where strict', () => jvp!(() => x, [x], [x], { strict: true }), 'ERR_AUTOGRAD', /does not depend/],
    [
      'complex arguments',
      () => jacrev!((t: Tensor) => t.abs())(x.to({ dtype: torch.complex128 })),
      'ERR_DTYPE',
      /must be real/,
    ],
    [
      'a chunk of none',
      () => jacrev!(id, { chunkSize: 0 }),
      'ERR_ARGUMENT',
      /"chunkSize" must be an integer >= 1 or null/,
    ],
    ['a dimension beyond', () => vmap!(id, 2)(a), 'ERR_INDEX', /is 2 for a Tensor with 2 dimensions/],
    ['a dimension that is none', () => vmap!(id, any('x'))(a), 'ERR_ARGUMENT', /"inDims" must be an integer or null/],
    ['nothing to map over', () => vmap!(id, { inDims: null })(a), 'ERR_ARGUMENT', /at least one Tensor to map over/],
    ['no tensor', () => vmap!(any(id))(any(5)), 'ERR_ARGUMENT', /maps over Tensors only, got 5/],
    [
      'other numbers of samples',
      () => vmap!((s: Tensor, _: Tensor) => s)(a, x.narrow(0, 0, 2)),
      'ERR_SHAPE',
      /got 3 and 2/,
    ],
    [
      'inDims nested otherwise',
      () => vmap!(id, [0, 0])(a),
      'ERR_ARGUMENT',
      /nested as the arguments are, \[\*\], got \[\*, \*\]/,
    ],
    ['outDims nested otherwise', () => vmap!(id, { outDims: [0, 0] })(a), 'ERR_ARGUMENT', /nested as the results are/],
    ['outDims beyond', () => vmap!(id, { outDims: 2 })(a), 'ERR_INDEX', /is 2 for a result with 2 dimensions/],
    ['a batch as one value', () => vmap!(id, { outDims: null })(a), 'ERR_ARGUMENT', /differs between samples/],
    [
      'a result of vmap that is not a tensor',
      () => vmap!(any(() => 1))(a),
      'ERR_ARGUMENT',
      /must return Tensors only, got 1/,
    ],
    ['a randomness', () => vmap!(id, { randomness: any('none') }), 'ERR_ARGUMENT', /"error", "same" or "different"/],
    ['what holds itself', () => vmap!(any(id))(any(cyclic)), 'ERR_ARGUMENT', /256 deep at most; it may hold itself/],
    ['holes', () => vmap!(any(id))(any(new Array(2 ** 32 - 1))), 'ERR_ARGUMENT', /without holes/],
    ['disposed tensors', () => grad!(square)(disposed()), 'ERR_DISPOSED', /disposed/],
    ['writing to what is captured', () => vmap!((t: Tensor) => line([3]).add_(t))(line([4, 3])), 'ERR_STATE', /vmap/],
    ...Object.entries({
      set_: (t: Tensor) => t.set_(line([4])),
      'set_ to what is mapped over': (t: Tensor) => t.set_(t.mul(2)),
      'set_ to nothing': (t: Tensor) => t.set_(),
      resize_: (t: Tensor) => t.resize_([7]),
      'resize_ to less': (t: Tensor) => t.resize_([1]),
      resizeAs_: (t: Tensor) => t.resizeAs_(torch.zeros([4])),
      asStrided_: (t: Tensor) => t.asStrided_([1], [1]),
    }).map(
      ([name, rebind]): Case => [
        `other memory by ${name} for a batch`,
        () => vmap!((t: Tensor) => rebind(t.mul(1)))(line([3, 2])),
        'ERR_STATE',
        /cannot give a tensor that vmap\(\) maps over other memory/,
      ],
    ),
    [
      'a batch that begins a graph',
      () => vmap!((t: Tensor) => t.requiresGrad_())(a),
      'ERR_AUTOGRAD',
      /cannot begin a graph/,
    ],
  ];
  const disposed = () => {
    const t = line([3]);
    t.dispose();
    return t;
  };
  for (const [name, call, code, message] of cases) {
    it(name, () => {
      const error = refusalOf(call);
      expect(error.message).match(message);
      expect(error.code).equal(code);
    });
  }

  it('but other sizes of a batch, and other memory of what it shares, are none', () => {
    const flat = vmap!((t: Tensor) => t.mul(1).resize_([4]))(line([3, 2, 2]));
    expect((flat as Tensor).tolist()).deep.equal(line([3, 4]).tolist());
    const shared = vmap!((t: Tensor) =>
      line([1])
        .set_(line([2]))
        .add(t),
    )(line([3, 2]));
    expect((shared as Tensor).tolist()).deep.equal(
      line([3, 2])
        .add(line([2]))
        .tolist(),
    );
  });

  it('more than 48 transforms in each other', () => {
    let f: (t: Tensor) => unknown = (t) => t.sum();
    for (let i = 0; i < 49; i++) f = vmap!(f);
    expect(refusalOf(() => f(torch.zeros(new Array<number>(49).fill(1)))).message).match(/48 deep at most/);
  });

  it('patterns of rearrange', () => {
    const { rearrange } = func;
    const t = line([2, 4, 3]);
    const patterns: [string, RegExp, Record<string, number>?][] = [
      ['a b c', /-> between/],
      ['a b c -> a b', /same axes on both sides, but c/],
      ['a b -> b a', /with 2 dimensions, got \[2, 4, 3\]/],
      ['a a b -> a b', /a twice/],
      ['a (b d c -> a b c d', /not closed/],
      ['a b) c -> a b c', /not opened/],
      ['a ((b)) c -> a b c', /nest/],
      ['a (b d) c -> a b c d', /sizes of b and d open/],
      ['a (b d) c -> a b c d', /does not fit a dimension of size 4/, { d: 3 }],
      ['a b c -> a b c', /"axesLengths" must be an object of sizes/, { z: 3 }],
      ['a 2 c -> a c', /the number 2/],
      ['a * c -> a c', /cannot have "\*"/],
      ['a (... c) -> a c ...', /on the left/],
    ];
    for (const [pattern, message, lengths] of patterns) {
      expect(refusalOf(() => rearrange(t, pattern, lengths)).message, pattern).match(message);
    }
    expect(refusalOf(() => rearrange(t, any(5))).message).match(/"pattern" must be a string/);
    expect(rearrange([x, x], 'a b -> b a').shape).deep.equal([3, 2]);
  });

  it('states of modules that do not belong together', () => {
    const { functionalCall, stackModuleState } = func;
    const make = () => new nn.Linear(3, 2);
    const message = (models: unknown) => refusalOf(() => stackModuleState(any(models))).message;
    expect(message([])).match(/at least one Module/);
    expect(message(5)).match(/an array of Modules/);
    expect(message([make(), 5])).match(/models\[1\]/);
    expect(message([make(), new nn.ReLU()])).match(/one class/);
    expect(message([make(), make().eval()])).match(/training mode/);
    expect(message([make(), make().requiresGrad_(false)])).match(/require gradients in all/);
    const w = make().weight.detach();
    expect(refusalOf(() => functionalCall(make(), [{ weight: w }, { weight: w }], x)).message).match(/"weight" twice/);
    expect(refusalOf(() => functionalCall(make(), any([5]), x)).message).match(/state\[0\]/);
  });
});
