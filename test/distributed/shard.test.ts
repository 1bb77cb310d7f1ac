// Optimizers whose state ranks share: the bits of the same ones alone, and what goes wrong elsewhere.
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import torch, { clip, io, nn, optim, type Tensor } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { sentByAll } from './processes.js';

describe('optim.shard', function () {
  this.timeout(120_000);

  it('sees what one process sees, fails on all ranks where it fails on one, and has the bits of one process', async () => {
    const sent = await sentByAll(3, 'sharded', {
      facts: true,
      averages: false,
      dtypes: ['float32', 'bfloat16'],
      rules: ['AdamW', 'LAMB'],
      clippers: ['norm', 'norm by row', 'spam', 'norm, then value of the update'],
    });
    for (const [facts, ...answers] of sent) {
      for (const [name, { got, want }] of Object.entries(facts as Record<string, { got: unknown; want: unknown }>)) {
        expect(got, name).deep.equal(want);
      }
      expect(answers.at(-1)).deep.equal({ cells: 16, failures: [] });
    }
  });

  it('averages gradients while backward passes go on, and uses what has not changed since', async () => {
    const sent = (await sentByAll(3, 'early', { first: 1, count: 8 })) as [{ failures: string[]; early: number[] }][];
    for (const [{ failures, early }] of sent) {
      expect(failures).deep.equal([]);
      // All ranks have used the same.
      expect(early).deep.equal(sent[0]![0].early);
      expect(early[0]).above(0);
      expect(early[1]).above(0);
    }
  });

  it('keeps to its ranks, parameters and group, whatever becomes of them', async () => {
    const sent = (await sentByAll(2, 'early-edges')) as Record<string, string[]>[][];
    const mixed = 'ERR_DISTRIBUTED: the ranks do different things';
    for (const [rank, [said]] of sent.entries()) {
      const refused = (what: string) =>
        rank === 0
          ? 'ERR_DISTRIBUTED: rank 1 of the group has stopped a step of all'
          : `ERR_STATE: the ${what} of a parameter of a sharded optimizer cannot change`;
      expect(said).deep.equal({
        changes: ['', ''],
        parameters: ['shape', 'shape', 'shape', 'memory layout', 'dtype'].flatMap((what) => [
          refused(what),
          refused(what),
        ]),
        orders: [mixed, mixed, mixed, mixed, mixed],
        group: ['', '', 'ERR_STATE: the process group has been destroyed'],
      });
    }
  });

  it('is saved by all ranks, and goes on with another number of them, or alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'torch-clip-parts-'));
    try {
      const written = await sentByAll(2, 'checkpoint', { folder, write: true });
      const first = written[0]![0] as { parameters: number[]; refused: [string, string, string[]] };
      for (const [rank, [answer]] of (
        written as { parameters: number[]; refused: [string, string, string[]] }[][]
      ).entries()) {
        expect(answer!.parameters).deep.equal(first.parameters);
        const [path, failed, others] = answer!.refused;
        expect(path).equal(join(folder, 'checkpoint-00000002'));
        const why = /"object.f" must be a tensor or plain data, got a function/;
        expect(failed).match(
          rank === 1 ? why : new RegExp(`rank 1 cannot write its part of the checkpoint: ${why.source}`),
        );
        const alike =
          'TorchClipError: "object" must have the same structure, values, shapes and dtypes on all ranks, got ';
        expect(others).deep.equal(
          [
            '0 in "object.rank" on rank 0, and 1 on rank 1',
            'a float32 tensor of shape [4] in "object.list[0].rng" on rank 0, and a float32 tensor of shape [5] on rank 1',
            'a float32 tensor of shape [2] in "object.rng" on rank 0, and a float64 tensor of shape [2] on rank 1',
            'nothing in "object.b" on rank 0, and {} on rank 1',
            'the same in another arrangement on rank 1 than on rank 0',
          ].map((what) => alike + what),
        );
      }
      expect(readdirSync(folder).sort()).deep.equal(['checkpoint-00000001', 'checkpoint-00000002']);
      for (const [answer] of await sentByAll(1, 'checkpoint', { folder })) {
        expect((answer as { parameters: number[] }).parameters).deep.equal(first.parameters);
      }
      // One file of it.
      const path = io.latest(folder)!;
      io.save(io.loadCheckpoint(path), join(folder, 'all.pt'));
      const whole = io.load<{ optimizer: { state: Record<number, Record<string, Tensor>> } }>(join(folder, 'all.pt'));
      expect(whole.optimizer.state[2]!.exp_avg!.shape).deep.equal([4000, 20]);
      // A file that is missing or cut short is no checkpoint.
      const part = join(path, 'tensors-00002-of-00002.safetensors');
      truncateSync(part, 100);
      expect(refusalOf(() => io.loadCheckpoint(path)).code).equal('ERR_FILE');
      rmSync(part);
      expect(refusalOf(() => io.loadCheckpoint(path)).code).equal('ERR_FILE');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('refuses what it cannot share out', async () => {
    const { distributed: d } = torch;
    const p = () => [torch.ones([2, 2], { requiresGrad: true })];
    expect(refusalOf(() => optim.shard(new optim.SGD(p()))).code).equal('ERR_STATE');
    await d.initProcessGroup({ store: new d.HashStore(), rank: 0, worldSize: 1, timeout: 20 });
    try {
      const twice = optim.shard(new optim.SGD(p()));
      const rows: [() => unknown, string][] = [
        [() => optim.shard(1 as never), '"optimizer" must be an Optimizer, got 1'],
        [
          () => optim.shard(new optim.SGD(p()), { group: null as never }),
          '"group" must be a ProcessGroup that this process belongs to, got null',
        ],
        [
          () => optim.shard(new optim.SGD(p()), { averageGradients: 1 as never }),
          '"averageGradients" must be true or false, got 1',
        ],
        [() => optim.shard(new optim.Muon(p())), 'Muon cannot be sharded, because it works on whole tensors'],
        [() => optim.shard(new optim.LBFGS(p())), 'LBFGS cannot be sharded, because it takes its steps itself'],
        [
          () => optim.shard(new optim.ClippedSGD(p(), { reference: true })),
          'ClippedSGD cannot be sharded, because it runs the code of its authors',
        ],
        [
          () => optim.shard(new optim.SGD(p(), { clip: clip.norm(1), writeBack: true })),
          'SGD cannot be sharded, because it writes clipped gradients back',
        ],
        [() => optim.shard(twice), 'the optimizer is sharded already'],
        [
          () => twice.addParamGroup({ params: p() }),
          'a sharded optimizer takes no further parameters: add them before sharding it',
        ],
      ];
      for (const [make, message] of rows) expect(refusalOf(make).message).equal(message);
      const model = new nn.Embedding(4, 2, { sparse: true });
      const sparse = optim.shard(new optim.SGD(model.parameters()));
      model
        .forward(torch.tensor([1], { dtype: torch.int64 }))
        .sum()
        .backward();
      expect(refusalOf(() => sparse.step()).message).match(/a sparse gradient is not supported/);
    } finally {
      await d.destroyProcessGroup();
    }
  });
});
