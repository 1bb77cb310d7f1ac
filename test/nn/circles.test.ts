import { inspect } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { func, nn, TorchClipError } from '../../lib/index.js';

class Net extends nn.Module {
  readonly norm = new nn.BatchNorm1d(2);
}

/** An empty module of each kind that can hold others, and how one is put into it. */
const holders: { make(): nn.Module; put(into: nn.Module, module: nn.Module, name: string): void }[] = [
  { make: () => new nn.Sequential(), put: (into, module) => (into as nn.Sequential).append(module) },
  { make: () => new nn.ModuleList(), put: (into, module) => (into as nn.ModuleList<nn.Module>).append(module) },
  {
    make: () => new nn.ModuleDict<Record<string, nn.Module>>(),
    put: (into, module, name) => (into as nn.ModuleDict<Record<string, nn.Module>>).set(name, module),
  },
  { make: () => new Net(), put: (into, module, name) => Reflect.set(into, name, module) },
];

/** Everything that goes through a module and those in it. */
const walks: Record<string, (module: nn.Module) => unknown> = {
  String: (m) => String(m),
  inspect: (m) => inspect(m, { depth: 8 }),
  modules: (m) => m.modules(),
  namedModules: (m) => m.namedModules(),
  children: (m) => m.children(),
  parameters: (m) => m.parameters(),
  namedParameters: (m) => m.namedParameters(),
  buffers: (m) => m.buffers(),
  stateDict: (m) => m.stateDict(),
  loadStateDict: (m) => m.loadStateDict({}, { strict: false }),
  apply: (m) => m.apply(() => 1),
  train: (m) => m.train(),
  to: (m) => m.to({ dtype: torch.float64 }),
  type: (m) => m.type(torch.float32),
  toEmpty: (m) => m.toEmpty({ device: 'cpu' }),
  zeroGrad: (m) => m.zeroGrad(),
  requiresGrad_: (m) => m.requiresGrad_(false),
  getSubmodule: (m) => m.getSubmodule(''),
  deepcopy: (m) => nn.deepcopy(m).modules(),
  convertSyncBatchnorm: (m) => nn.SyncBatchNorm.convertSyncBatchnorm(m).modules(),
  forward: (m) => (m as nn.Sequential).forward(torch.ones([2])),
  functionalCall: (m) => func.functionalCall(m as nn.TensorModule, {}, [torch.ones([2])]),
  isPruned: (m) => nn.utils.prune.isPruned(m),
  isParametrized: (m) => nn.utils.parametrize.isParametrized(m),
  convertConv2dWeightMemoryFormat: (m) => nn.utils.convertConv2dWeightMemoryFormat(m, torch.channelsLast),
};

const edges = (n: number) => fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 5 });
const graphs = fc
  .array(fc.nat(holders.length - 1), { minLength: 1, maxLength: 4 })
  .chain((kinds) => fc.record({ kinds: fc.constant(kinds), edges: edges(kinds.length) }));

function build(kinds: readonly number[], held: readonly (readonly [number, number])[]): nn.Module[] {
  const modules = kinds.map((kind) => holders[kind]!.make());
  held.forEach(([from, to], i) => {
    holders[kinds[from]!]!.put(modules[from]!, modules[to]!, `m${i}`);
  });
  return modules;
}

describe('nn: modules that hold themselves', () => {
  it('are walked through to an end, or refused in a sentence', () => {
    fc.assert(
      fc.property(graphs, ({ kinds, edges: held }) => {
        const [root] = build(kinds, held);
        for (const [name, walk] of Object.entries(walks)) {
          try {
            walk(root!);
          } catch (error) {
            expect(error, name).instanceOf(TorchClipError);
            expect((error as TorchClipError).code, `${name}: ${(error as Error).message}`).not.equal('ERR_INTERNAL');
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('print three dots where they come again, whatever holds them', () => {
    for (const outer of holders) {
      for (const inner of holders) {
        const [a, b] = [outer.make(), inner.make()];
        outer.put(a, b, 'inner');
        inner.put(b, a, 'outer');
        outer.put(a, a, 'self');
        const name = a.constructor.name;
        expect(String(a).split(`${name}(...)`), String(a)).length(3);
        expect(inspect(a)).equal(String(a));
      }
    }
    const list = new nn.ModuleList<nn.Module>();
    list.append(list).append(list);
    expect(String(list)).equal('ModuleList(\n  (0-1): 2 x ModuleList(...)\n)');
  });

  it('have their batch normalisations converted, each once', () => {
    const net = new Net();
    const outer = new nn.Sequential(net);
    Reflect.set(net, 'outer', outer);
    nn.SyncBatchNorm.convertSyncBatchnorm(outer);
    expect(net.norm).instanceOf(nn.SyncBatchNorm);
    expect(outer.at(0)).equal(net);
  });
});
