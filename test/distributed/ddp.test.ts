// Two ranks under DistributedDataParallel, beside one process on the whole batch.
import { expect } from 'chai';
import torch, { nn, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { sentByAll } from './processes.js';

interface Trained {
  apart: number;
  alike: boolean;
  norm: number;
}

describe('DistributedDataParallel', function () {
  this.timeout(120_000);

  it('takes the steps of one process on the whole batch, whatever its options', async () => {
    for (const [answers] of (await sentByAll(2, 'ddp')) as [Record<string, unknown>][]) {
      const bounds = {
        float64: 1e-12,
        float32: 1e-5,
        views: 1e-12,
        fixed: 1e-12,
        unused: 1e-12,
        bf16: 0.05,
        fp16: 0.02,
      };
      for (const [name, bound] of Object.entries(bounds)) {
        const { apart, alike, norm } = answers[name] as Trained;
        expect(apart, name).below(bound);
        expect(norm, name).below(bound);
        expect(alike, name).equal(true);
      }
      const { apart, local } = answers.accumulated as { apart: number; local: boolean };
      expect(apart).below(1e-12);
      expect(local).equal(true);
      expect([answers.branches, answers.never]).deep.equal([true, true]);
      expect(answers.refused).deep.equal([
        'ERR_STATE',
        'the last backward pass gave no gradient to right.weight, right.bias: pass { findUnusedParameters: true }, or use every output in the loss',
      ]);
      expect(answers.hooked).deep.equal([true, true, true]);
      expect(answers.failed).deep.equal([
        'ERR_STATE',
        'the last backward pass failed on this rank, and the others may have gone on: make a new DistributedDataParallel of the module on every rank',
        true,
      ]);
      const {
        apart: uneven,
        steps,
        alike: same,
      } = answers.joined as { apart: number; steps: number[]; alike: boolean };
      expect(uneven).below(1e-12);
      expect(steps).deep.equal([2, 5]);
      expect(same).equal(true);
      const [normalized, sameNames] = answers.normalized as [number, boolean];
      expect(normalized).below(1e-12);
      expect(sameNames).equal(true);
      expect(answers.joinedNormalized).deep.equal([
        'ERR_STATE',
        'join() cannot run a module with a SyncBatchNorm: its forward passes are calls of all ranks, and a rank that is through makes none',
      ]);
      expect(answers.names).deep.equal(['module.0.weight', 'module.0.bias', 'module.1.weight']);
      expect(answers.shape).deep.equal([
        'ERR_ARGUMENT',
        '"module" must have the same parameters on all ranks, got as parameter 0 on rank 0 "weight", float32 [3, 2], and on rank 1 "weight", float32 [4, 2]',
      ]);
      expect(answers.count).deep.equal([
        'ERR_ARGUMENT',
        '"module" must have the same parameters on all ranks, got as parameter 1 on rank 0 "bias", float32 [3], and on rank 1 no more',
      ]);
    }
  });

  it('goes on after a backward pass that has thrown, where it is alone in its group', async () => {
    const { distributed: d } = torch;
    const { DistributedDataParallel } = nn.parallel;
    await d.initProcessGroup({ store: new d.HashStore(), rank: 0, worldSize: 1, timeout: 20 });
    try {
      const settings = [
        {},
        { gradientAsBucketView: true },
        { findUnusedParameters: true },
        { staticGraph: true },
        { bucketCapMb: 1e-5 },
      ];
      const places = [
        'the first parameter',
        'the last parameter',
        'the output',
        'the communication hook',
        'after the last gradient',
      ];
      for (const options of settings) {
        for (const place of places) {
          for (const failsIn of [0, 2]) {
            const what = `${JSON.stringify(options)}, ${place}, pass ${failsIn}`;
            const [net, plain] = [0, 1].map(() => {
              torch.manualSeed(3);
              return new nn.Sequential(new nn.Linear(3, 5), new nn.Tanh(), new nn.Linear(5, 2));
            }) as [nn.Sequential, nn.Sequential];
            const model = new DistributedDataParallel(net, options);
            let fails = false;
            const mine = new Error('mine');
            const maybe = (here: string) => {
              if (fails && here === place) throw mine;
            };
            const parameters = net.parameters();
            parameters[0]!.registerHook(() => maybe('the first parameter'));
            parameters.at(-1)!.registerHook(() => maybe('the last parameter'));
            parameters[0]!.registerPostAccumulateGradHook(() => maybe('after the last gradient'));
            if (place === 'the communication hook') {
              model.registerCommHook(({ buffer }) => {
                maybe('the communication hook');
                return buffer;
              });
            }
            for (let pass = 0; pass < 5; pass++) {
              const x = torch.randn([4, 3]);
              for (const p of [...parameters, ...plain.parameters()]) p.grad = null;
              fails = pass === failsIn;
              const output = model.forward(x);
              output.registerHook(() => maybe('the output'));
              if (fails) {
                expect(() => output.pow(2).sum().backward(), what).throw(mine);
                continue;
              }
              output.pow(2).sum().backward();
              plain.forward(x).pow(2).sum().backward();
              for (const [i, p] of parameters.entries()) {
                expect(p.grad!.sub(plain.parameters()[i]!.grad!).abs().max().item(), what).below(1e-5);
              }
            }
            if (place === 'the communication hook') {
              expect(refusalOf(() => model.registerCommHook('bf16')).message, what).match(
                /register_comm_hook|can only be called once|once/,
              );
            }
          }
        }
      }
    } finally {
      await d.destroyProcessGroup();
    }
  });

  it('refuses what it cannot wrap', async () => {
    const { distributed: d } = torch;
    const { DistributedDataParallel } = nn.parallel;
    expect(refusalOf(() => new DistributedDataParallel(new nn.Linear(1, 1))).code).equal('ERR_STATE');
    await d.initProcessGroup({ store: new d.HashStore(), rank: 0, worldSize: 1, timeout: 20 });
    try {
      const rows: [() => unknown, string][] = [
        [() => new DistributedDataParallel(1 as never), '"module" must be a Module, got 1'],
        [
          () => new DistributedDataParallel(new nn.ReLU()),
          '"module" must have a parameter that requires gradients, got none',
        ],
        [
          () => new DistributedDataParallel(new nn.Linear(1, 1), { bucketCapMb: 0 }),
          '"bucketCapMb" must be a number > 0, got 0',
        ],
        [
          () => new DistributedDataParallel(new nn.Linear(1, 1), { processGroup: null as never }),
          '"processGroup" must be a ProcessGroup that this process belongs to, got null',
        ],
      ];
      for (const [make, message] of rows) expect(refusalOf(make).message).equal(message);
      const model = new DistributedDataParallel(new nn.Linear(2, 1));
      expect(refusalOf(() => model.registerCommHook('int8' as never)).message).equal(
        '"hook" must be "bf16", "fp16" or a synchronous function, got "int8"',
      );
      expect(refusalOf(() => model.noSync(async () => 1)).code).equal('ERR_ASYNC_SCOPE');
      model
        .forward(torch.ones([1, 2]))
        .sum()
        .backward();
      expect(model.module.weight.grad!.tolist()).deep.equal([[1, 1]]);
      class Later extends nn.Linear {
        override forward(x: Tensor): never {
          return Promise.resolve(super.forward(x)) as never;
        }
      }
      for (const options of [{ findUnusedParameters: true }, { staticGraph: true }]) {
        const later = new DistributedDataParallel(new Later(2, 1), options);
        expect(refusalOf(() => later.forward(torch.ones([1, 2]))).code).equal('ERR_ASYNC_SCOPE');
      }
      // A hook is given sparse gradients as they are.
      const sparse = new DistributedDataParallel(new nn.Embedding(4, 2, { sparse: true }));
      sparse.registerCommHook(({ buffer, gradients }) => {
        expect(gradients).deep.equal([]);
        return buffer.mul(2);
      });
      sparse
        .forward(torch.tensor([1, 3], { dtype: torch.int64 }))
        .sum()
        .backward();
      const grad = sparse.module.weight.grad!;
      expect([String(grad.layout), grad.toDense().sum(1).tolist()]).deep.equal(['torch.sparse_coo', [0, 4, 0, 4]]);
    } finally {
      await d.destroyProcessGroup();
    }
  });
});
