import { expect } from 'chai';
import torch, { nn, TorchClipError } from '../../lib/index.js';
import { casesOfModules, moduleOf } from './family.js';

const values: unknown[] = [undefined, null, Symbol('x'), Object.create(null)];

// What has no case: containers, a base class, what repeats a layer that is given, and what other processes take part in.
const more: Record<string, () => { module: nn.Module; inputs: unknown[] }> = {
  Sequential: () => ({ module: new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU()), inputs: [x] }),
  SyncBatchNorm: () => ({ module: new nn.SyncBatchNorm(2), inputs: [x] }),
  TransformerEncoder: () => ({
    module: new nn.TransformerEncoder(new nn.TransformerEncoderLayer(2, 1, small), 1, new nn.LayerNorm(2)),
    inputs: [x],
  }),
  TransformerDecoder: () => ({
    module: new nn.TransformerDecoder(new nn.TransformerDecoderLayer(2, 1, small), 1, new nn.LayerNorm(2)),
    inputs: [x, x],
  }),
};
const holders = ['ModuleDict', 'ModuleList', 'ParameterDict', 'ParameterList', 'RNNBase'];
const x = torch.ones([3, 2]);
const small = { dimFeedforward: 2 };

describe('nn: layers whose fields were assigned anything', () => {
  const cases = [...casesOfModules()].map(([name, c]) => [name, () => moduleOf(c)] as const);
  const makers: Record<string, () => { module: nn.Module; inputs: unknown[] }> = {
    ...Object.fromEntries(cases),
    ...more,
  };

  it('are all known here', () => {
    const layers = Object.entries(nn).filter(
      ([, value]) => typeof value === 'function' && (value as typeof nn.Module).prototype instanceof nn.Module,
    );
    const known = new Set([...Object.keys(makers), ...holders]);
    expect(layers.map(([name]) => name).filter((name) => !known.has(name))).deep.equal([]);
  });

  for (const [name, make] of Object.entries(makers)) {
    it(`${name} computes, or refuses in a sentence`, () => {
      const found: string[] = [];
      const run = (what: string, body: () => unknown) => {
        try {
          body();
        } catch (error) {
          const known = error instanceof TorchClipError && error.code !== 'ERR_INTERNAL';
          if (!known) found.push(`${what}: ${(error as Error).name}: ${(error as Error).message}`);
        }
      };
      for (const field of Object.keys(make().module)) {
        for (const value of values) {
          const { module, inputs } = make();
          const what = `${field} = ${typeof value === 'object' ? value?.constructor?.name : String(value)}`;
          run(`${what}, assigned`, () => Reflect.set(module, field, value));
          run(`${what}, forward`, () => Reflect.apply(module.forward, module, inputs));
          run(`${what}, String`, () => String(module));
          for (const method of ['resetParameters', 'logProb', 'predict']) {
            if (!(method in module)) continue;
            run(`${what}, ${method}`, () => Reflect.apply(Reflect.get(module, method), module, inputs.slice(0, 1)));
          }
        }
      }
      expect(found.slice(0, 8)).deep.equal([]);
    });
  }
});
