// Modules whose parameters ranks share: the bits of the same ones alone, and what is refused.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import torch, { nn, optim, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { sentByAll } from './processes.js';

const { distributed: d } = torch;

describe('distributed.fsdp.fullyShard', function () {
  this.timeout(120_000);

  for (const size of [1, 3]) {
    it(`has the bits of one process with the gradients of all, its part of the memory, and their errors: ${size}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'torch-clip-fully-'));
      try {
        const sent = await sentByAll(size, 'fully-sharded', { folder });
        for (const [facts] of sent as Record<string, { got: unknown; want: unknown }>[][]) {
          expect(Object.keys(facts!)).length.least(45);
          for (const [name, { got, want }] of Object.entries(facts!)) expect(got, name).deep.equal(want);
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  it('has them for unusual modules and passes, and refuses what would see a part', async () => {
    for (const size of [1, 2]) {
      const sent = await sentByAll(size, 'fully-sharded-edges');
      for (const [facts] of sent as Record<string, { got: unknown; want: unknown }>[][]) {
        expect(Object.keys(facts!)).length.least(25);
        for (const [name, { got, want }] of Object.entries(facts!)) expect(got, name).deep.equal(want);
      }
    }
  });

  it('has the bits of one process under rules and clippers of every scope', async () => {
    const settings = {
      averages: false,
      modules: true,
      rules: ['AdamW', 'LAMB'],
      clippers: ['norm', 'norm by row', 'spam', 'norm, then value of the update'],
    };
    for (const answers of await sentByAll(3, 'sharded', settings)) {
      expect(answers.at(-1)).deep.equal({ cells: 8, failures: [] });
    }
  });

  it('refuses what it cannot share out, and what would see a part', async () => {
    const layer = () => new nn.Linear(3, 2);
    expect(refusalOf(() => d.fsdp.fullyShard(layer())).code).equal('ERR_STATE');
    await d.initProcessGroup({ store: new d.HashStore(), rank: 0, worldSize: 1, timeout: 20 });
    try {
      const { fullyShard } = d.fsdp;
      class Later extends nn.Linear {
        override forward(x: Tensor): never {
          return Promise.resolve(super.forward(x)) as never;
        }
      }
      const later = fullyShard(new Later(3, 2));
      expect(refusalOf(() => later.forward(torch.ones([1, 3])))).include({
        code: 'ERR_ASYNC_SCOPE',
        message:
          '"forward" of a fully sharded module must be a synchronous function, got an async one; await outside it, or call a fully sharded module between awaits',
      });
      const once = fullyShard(layer());
      const tied = new nn.Sequential(layer(), layer());
      (tied.at(1) as nn.Linear).weight = (tied.at(0)! as nn.Linear).weight;
      fullyShard(tied.at(0)!);
      const transposed = layer();
      transposed.weight.data = torch.ones([3, 2]).t();
      const meta = new nn.Linear(3, 2, { device: 'meta' });
      const rows: [() => unknown, string][] = [
        [() => fullyShard(1 as never), '"module" must be a Module, got 1'],
        [
          () => fullyShard(layer(), { group: null as never }),
          '"group" must be a ProcessGroup that this process belongs to, got null',
        ],
        [
          () => fullyShard(layer(), { reshardAfterForward: 1 as never }),
          '"reshardAfterForward" must be true, false or null, got 1',
        ],
        [() => fullyShard(once), '"module" is fully sharded already'],
        ...[(m: nn.Module) => m, (m: nn.Module) => new nn.Sequential(m as never)].map(
          (held): [() => unknown, string] => [
            () => fullyShard(held(new nn.parallel.DistributedDataParallel(layer()))),
            '"module" must hold no DistributedDataParallel, which needs whole gradients: shard a module that none wraps',
          ],
        ),
        [
          () => fullyShard(tied),
          'the parameter "weight" of Linear belongs to a module that is fully sharded: shard one that holds both instead',
        ],
        [() => fullyShard(transposed), 'the parameters of a fully sharded module must be contiguous'],
        [() => fullyShard(meta), 'the parameters of a fully sharded module must lie on the CPU, got meta'],
        [
          () => once.double(),
          "convert or move a module before fullyShard(): each rank has a part of a fully sharded module's parameters",
        ],
        [
          () => nn.deepcopy(once),
          "copy a module before fullyShard(): each rank has a part of a fully sharded module's parameters",
        ],
        [
          () => new nn.parallel.DistributedDataParallel(once),
          "DistributedDataParallel needs whole parameters: each rank has a part of a fully sharded module's parameters",
        ],
      ];
      for (const [make, message] of rows) expect(refusalOf(make).message).equal(message);
      expect(once.to('cpu').weight.dtype).equal(torch.float32);
      expect(Object.keys(once)).deep.equal(Object.keys(layer()));
      expect(String(once)).equal(String(layer()));

      once
        .forward(torch.ones([1, 3]))
        .sum()
        .backward();
      const part =
        /each rank has a part of a fully sharded module's parameters and gradients: use optim.shard\(optimizer\)/;
      for (const use of [
        () => new optim.SGD(once.parameters()).step(),
        () => new optim.Muon([once.weight]).step(),
        () => nn.utils.clipGradNorm_(once.parameters(), 1),
        () => nn.utils.clipGradValue_(once.parameters(), 1),
      ]) {
        expect(refusalOf(use).message).match(part);
      }
      for (const make of [optim.LBFGS, optim.SparseAdam]) {
        expect(refusalOf(() => new make(once.parameters())).message).equal(
          `${make.name} needs whole parameters: each rank has a part of a fully sharded module's parameters`,
        );
      }
      once.weight.data = torch.zeros([2, 3]);
      expect(refusalOf(() => once.forward(torch.ones([1, 3]))).message).equal(
        'the parameters of a fully sharded module must stay where they are: convert or move the module before fullyShard()',
      );
    } finally {
      await d.destroyProcessGroup();
    }
  });
});
