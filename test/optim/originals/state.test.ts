import { expect } from 'chai';
import torch, { type Tensor, TorchClipError } from '../../../lib/index.js';
import type { OptimizerStateDict } from '../../../lib/optim/index.js';
import { bits, type Case, original, parameters, setGradients, table } from './support.js';

const copy = (groups: Tensor[][]) => groups.map((group) => group.map((p) => p.detach().clone().requiresGrad_()));

function run(spec: Case, groups: Tensor[][], optimizer: { step(): unknown }, from: number, to: number): void {
  for (let t = from; t <= to; t++) {
    setGradients(spec, groups, t);
    optimizer.step();
  }
}

describe('optim: state dicts with reference: true', () => {
  for (const [name, spec] of Object.entries(table.cases)) {
    for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
      it(`a resumed run is the uninterrupted one: ${name}, ${dtype}`, () => {
        torch.manualSeed(5);
        const whole = parameters(spec, torch[dtype]);
        const uninterrupted = original(spec, whole);
        run(spec, whole, uninterrupted, 1, 8);
        const saved = uninterrupted.stateDict();
        const copies = copy(whole);
        const random = torch.getRngState();
        run(spec, whole, uninterrupted, 9, 14);
        torch.setRngState(random);
        const resumed = original(spec, copies);
        resumed.loadStateDict(saved);
        run(spec, copies, resumed, 9, 14);
        expect(bits(copies, resumed.stateDict())).deep.equal(bits(whole, uninterrupted.stateDict()));
      });
    }
  }

  it('has the names of the originals', () => {
    const names = (name: string) => {
      const spec = table.cases[name]!;
      const groups = parameters(spec, torch.float32);
      const optimizer = original(spec, groups);
      run(spec, groups, optimizer, 1, 1);
      const dict = optimizer.stateDict();
      return [Object.keys(dict.state[0]!), Object.keys(dict.reference!)];
    };
    expect(names('SGD, momentum, auto_clip')).deep.equal([
      ['momentum_buffer'],
      ['clipping_type', 'p_autoclip', 'count', 'heap'],
    ]);
    expect(names('SSTM, linear_rand_norm')).deep.equal([
      ['y', 'z'],
      ['clipping_type', 'beta', 'count', 'heap', 'k', 'alpha_k_1', 'lambda_k_1', 'A_k', 'A_k_1'],
    ]);
    expect(names('Expectigrad')).deep.equal([
      ['step', 'sum', 'counter', 'momentum'],
      ['form', 'use_momentum', 'sparse_counter'],
    ]);
  });

  it('loading keeps copies of its own', () => {
    const spec = table.cases['SGD, momentum, auto_clip']!;
    const groups = parameters(spec, torch.float32);
    const optimizer = original(spec, groups);
    run(spec, groups, optimizer, 1, 3);
    const saved = optimizer.stateDict();
    const before = bits(groups, saved);
    optimizer.loadStateDict(saved);
    const params = copy(groups);
    run(spec, groups, optimizer, 4, 5);
    expect(bits(params, saved)).deep.equal(before);
  });

  const breakages: [string, string, (dict: OptimizerStateDict) => void, RegExp][] = [
    [
      'a state of the engine',
      'SGD, momentum, norm',
      (d) => Reflect.deleteProperty(d, 'reference'),
      /was saved without reference: true/,
    ],
    [
      'another clipping type',
      'SGD, momentum, norm',
      (d) => Object.assign(d, { reference: { ...d.reference, clipping_type: 'layer_wise' } }),
      /reference\.clipping_type is "layer_wise", the optimizer has "norm"/,
    ],
    [
      'another percentile',
      'SGD, auto_clip',
      (d) => Object.assign(d, { reference: { ...d.reference, p_autoclip: 0.5 } }),
      /reference\.p_autoclip is 0\.5, the optimizer has 0\.6/,
    ],
    [
      'a heap of more norms than there were',
      'SGD, auto_clip',
      (d) => Object.assign(d, { reference: { ...d.reference, count: 1 } }),
      /reference\.heap must be at most 1 numbers, got \[/,
    ],
    [
      'no count',
      'SGD, norm',
      (d) => Object.assign(d, { reference: { ...d.reference, count: undefined } }),
      /reference\.count must be an integer >= 0, got undefined/,
    ],
    [
      'another shape',
      'SGD, momentum, norm',
      (d) => Object.assign(d.state[1]!, { momentum_buffer: torch.ones([2]) }),
      /state\[1\]\.momentum_buffer has shape \[2\], the parameter has \[5\]/,
    ],
    [
      'another number of groups',
      'SGD, momentum, norm',
      (d) => d.param_groups.pop(),
      /different number of parameter groups: 1, the optimizer has 2/,
    ],
    [
      'a bad option',
      'SGD, momentum, norm',
      (d) => Object.assign(d.param_groups[1]!, { clipping_level: -1 }),
      /Invalid clipping level: -1/,
    ],
    [
      'a y without a z',
      'SSTM, norm',
      (d) => Reflect.deleteProperty(d.state[1]!, 'z'),
      /state\[1\]\.z must be a Tensor, got undefined/,
    ],
    [
      'no iteration',
      'SSTM, norm',
      (d) => Object.assign(d, { reference: { ...d.reference, A_k: null } }),
      /reference\.A_k must be a number, got null/,
    ],
    [
      'the other form',
      'Expectigrad',
      (d) => Object.assign(d, { reference: { ...d.reference, form: 'tensorflow' } }),
      /reference\.form is "tensorflow", the optimizer has "pytorch"/,
    ],
    [
      'a missing counter',
      'Expectigrad',
      (d) => Reflect.deleteProperty(d.state[0]!, 'counter'),
      /state\[0\]\.counter must be a Tensor, got undefined/,
    ],
    [
      'another decay',
      'Keras, decay',
      (d) => Object.assign(d, { reference: { ...d.reference, decay: 0 } }),
      /reference\.decay is 0, the optimizer has 0\.1/,
    ],
  ];
  for (const [what, name, damage, message] of breakages) {
    it(`refuses ${what} and changes nothing`, () => {
      const spec = table.cases[name]!;
      const groups = parameters(spec, torch.float32);
      const optimizer = original(spec, groups);
      run(spec, groups, optimizer, 1, 3);
      const dict = optimizer.stateDict();
      dict.param_groups[0]!.lr = 99;
      damage(dict);
      const before = bits(groups, optimizer.stateDict());
      expect(() => optimizer.loadStateDict(dict)).throw(TorchClipError, message);
      expect(bits(groups, optimizer.stateDict())).deep.equal(before);
    });
  }
});
