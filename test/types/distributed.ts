// Compiled, never run: what the declarations of torch.distributed accept and refuse.
import torch, { data, type distributed, nn } from '../../lib/index.js';

const d = torch.distributed;

// Values come out with the type they went in with, whether it is an interface or inferred.
interface Report {
  readonly rank: number;
  readonly names: readonly string[];
  readonly note?: string;
  readonly inner: { readonly loss: number | null }[];
}
const report: Report = { rank: 0, names: ['a'], inner: [{ loss: null }] };
const reports: Report[] = await d.allGatherObject(report);
const blocking: Report[] = d.allGatherObject(report, { wait: true });
const losses: { loss: number }[] = await d.allGatherObject({ loss: 0.5 });
const numbers: number[] = await d.allGatherObject(1);
const pairs: (readonly [string, number])[] = await d.allGatherObject(['a', 1] as const);
const plain: distributed.Json[] = await d.allGatherObject(JSON.parse('1') as distributed.Json);
const onOne: Report[] | null = await d.gatherObject(report, { dst: 0 });
const lr: number = (await d.broadcastObjectList([{ lr: 1e-3 }]))[0]!.lr;
const configs: { lr: number }[] = await d.broadcastObjectList(d.getRank() === 0 ? [{ lr: 1 }] : [], { src: 0 });
const own: { from: number } = await d.scatterObjectList(d.getRank() === 0 ? [{ from: 0 }, { from: 1 }] : null);
declare const group: distributed.ProcessGroup;
const ofMember: { from: number } = await d.scatterObjectList([{ from: 0 }], { group });
const received: { epoch: number }[] = await d.recvObjectList<{ epoch: number }>(0);
await d.sendObjectList([report], 1);
const passedOn = <V>(value: V & distributed.Jsonable<V>): Promise<V[]> => d.allGatherObject<V>(value);
const passed: Report[] = await passedOn(report);

// What JSON would change is refused.
// @ts-expect-error
await d.allGatherObject(undefined);
// @ts-expect-error
await d.allGatherObject(1n);
// @ts-expect-error
await d.allGatherObject(new Date());
// @ts-expect-error
await d.allGatherObject({ a: [new Map<string, number>()] });
// @ts-expect-error
await d.gatherObject({ loss: torch.ones([1]) });
// @ts-expect-error
await d.gatherObject({ loss: undefined as number | undefined });
// @ts-expect-error
await d.broadcastObjectList([() => 1]);
// @ts-expect-error
await d.sendObjectList([{ a: Symbol('a') }], 1);
// @ts-expect-error: a promise has no values yet
d.allGatherObject(report).length;
// @ts-expect-error: null where this rank is not a member
const perhaps: { from: number } = await d.scatterObjectList([{ from: 0 }], { group: await d.newGroup([0]) });

// The group says how many ranks there are, and which this is.
new data.DistributedSampler([1, 2, 3]);
new data.DistributedSampler([1, 2, 3], { shuffle: false, numReplicas: 2, rank: 1 });

// A conversion keeps the type of what holds the layers, and a wrapped module its forward pass.
class Net extends nn.Module {
  norm = new nn.BatchNorm1d(2);
  override forward(x: torch.Tensor, scale: number): torch.Tensor {
    return this.norm.forward(x).mul(scale);
  }
}
const model = new nn.parallel.DistributedDataParallel(nn.SyncBatchNorm.convertSyncBatchnorm(new Net()));
const output: torch.Tensor = model.forward(torch.ones([2, 2]), 3);
const layer: nn.SyncBatchNorm = nn.SyncBatchNorm.convertSyncBatchnorm(new nn.BatchNorm2d(3));
// @ts-expect-error: the forward pass takes a scale
model.forward(torch.ones([2, 2]));

// What fullyShard returns has its methods, and the module's.
const whole = d.fsdp.fullyShard(new Net());
whole.unshard();
const parts: Record<string, unknown> = whole.shardedStateDict();
const result: torch.Tensor = whole.forward(torch.ones([2, 2]), 3);

export {
  blocking,
  configs,
  layer,
  losses,
  lr,
  numbers,
  ofMember,
  onOne,
  output,
  own,
  pairs,
  parts,
  passed,
  perhaps,
  plain,
  received,
  reports,
  result,
};
