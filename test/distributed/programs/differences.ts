// Two ranks that call different things, each time in a group of its own: what they are told, and that neither crashes.
import torch, { type distributed, nn, optim, TorchClipError } from '../../../lib/index.js';
import { distributed as d, leave, meet, send } from './_rank.js';

const { store, rank, worldSize } = await meet();
await d.initProcessGroup({ store, rank, worldSize, timeout: 30 });

const ones = (length: number, dtype: torch.Dtype = torch.float32) => torch.ones([length], { dtype });
const sharded = (group: distributed.ProcessGroup) =>
  optim.shard(new optim.SGD([ones(3).requiresGrad_()], { lr: 1 }), { group });
type Call = (group: distributed.ProcessGroup) => unknown;
const differences: Record<string, readonly [Call, Call]> = {
  'sizes of an allReduce': [(group) => d.allReduce(ones(4), { group }), (group) => d.allReduce(ones(8000), { group })],
  'operations of an allReduce': [
    (group) => d.allReduce(ones(4), { group }),
    (group) => d.allReduce(ones(4), { group, op: 'product' }),
  ],
  'dtypes of an allReduce': [
    (group) => d.allReduce(ones(4), { group }),
    (group) => d.allReduce(ones(4, torch.int32), { group }),
  ],
  'roots of a broadcast': [
    (group) => d.broadcast(ones(4), { group, src: 0 }),
    (group) => d.broadcast(ones(4), { group, src: 1 }),
  ],
  'the order of calls that are under way together': [
    (group) => Promise.all([d.allReduce(ones(4), { group }), d.allReduce(ones(6), { group }), d.barrier({ group })]),
    (group) => Promise.all([d.allReduce(ones(6), { group }), d.allReduce(ones(4), { group }), d.barrier({ group })]),
  ],
  'the second call': [
    async (group) => {
      await d.barrier({ group });
      await d.barrier({ group });
    },
    async (group) => {
      await d.barrier({ group });
      await d.allGatherObject('a', { group });
    },
  ],
  'sizes of a message': [
    (group) => d.send(ones(10), 1, { group, tag: 3 }),
    (group) => d.recv(ones(4), { group, src: 0, tag: 3 }),
  ],
  'sizes of a second message': [
    async (group) => {
      await d.send(ones(4), 1, { group });
      await d.send(ones(4), 1, { group });
    },
    async (group) => {
      await d.recv(ones(4), { group, src: 0 });
      await d.recv(ones(10), { group, src: 0 });
    },
  ],
  'a step of a sharded optimizer and an allReduce as large': [
    (group) => sharded(group).step(),
    (group) => {
      sharded(group);
      return d.allReduce(ones(4, torch.int32), { group, op: 'max' });
    },
  ],
  'a pass of a fully sharded module and an allReduce': [
    (group) => {
      d.fsdp.fullyShard(new nn.Linear(3, 1), { group });
      return d.allReduce(ones(1), { group });
    },
    (group) => d.fsdp.fullyShard(new nn.Linear(3, 1), { group }).forward(ones(3)),
  ],
  'a call beside a message from any rank': [
    (group) => d.barrier({ group }),
    (group) => {
      void said(() => d.allReduce(ones(4), { group }));
      return d.recv(ones(4), { group });
    },
  ],
  'a backward pass and a barrier': [
    (group) => {
      const model = new nn.parallel.DistributedDataParallel(new nn.Linear(3, 1), { processGroup: group });
      model.forward(ones(3)).sum().backward();
    },
    (group) => {
      const model = new nn.parallel.DistributedDataParallel(new nn.Linear(3, 1), { processGroup: group });
      model.forward(ones(3));
      return d.barrier({ group });
    },
  ],
};

const said = async (call: () => unknown): Promise<string[]> => {
  try {
    await call();
    return ['nothing'];
  } catch (error) {
    return error instanceof TorchClipError ? [error.code, error.message] : [String(error)];
  }
};

const groups = new Map<string, distributed.ProcessGroup>();
for (const name of Object.keys(differences)) groups.set(name, (await d.newGroup([0, 1]))!);
const told: Record<string, string[][]> = {};
await Promise.all(
  Object.entries(differences).map(async ([name, calls]) => {
    const group = groups.get(name)!;
    told[name] = [await said(() => calls[rank]!(group)), await said(() => d.barrier({ group }))];
    await d.destroyProcessGroup(group);
  }),
);
await send(told);

// Shares are compared before they are sent, so that the group lives.
const shares = (outputSplitSizes: number[], inputSplitSizes: number[]) =>
  d.allToAllSingle(ones(6), ones(6), { outputSplitSizes, inputSplitSizes });
const refused = await said(() => (rank === 0 ? shares([2, 4], [2, 4]) : shares([3, 3], [4, 2])));
await shares(rank === 0 ? [2, 4] : [4, 2], rank === 0 ? [2, 4] : [4, 2]);
await send(refused);

// A call that waits long is no difference, and leaves nothing behind.
const slow = (await d.newGroup([0, 1]))!;
const key = `${slow.name}//cpu//call/0`;
const inner = new d.PrefixStore('0/', store);
if (rank === 1) await inner.wait([key]);
const late = ones(1);
await d.allReduce(late, { group: slow });
while (await inner.check([key])) await new Promise(setImmediate);
await d.barrier({ group: slow });
await send(late.item());

// A group that is destroyed meanwhile compares what is under way to its end.
const closed = (await d.newGroup([0, 1]))!;
const under = said(() => (rank === 0 ? d.allReduce(ones(4), { group: closed }) : d.barrier({ group: closed })));
await d.destroyProcessGroup(closed);
await send(await under);
// Nor does a store stand in its way that waits for the ranks of another group.
const crowded = (await d.newGroup([0, 1]))!;
const beside = said(() => (rank === 0 ? d.allReduce(ones(4), { group: crowded }) : d.barrier({ group: crowded })));
if (rank === 1) await beside;
await d.newGroup([0, 1]);
await send(await beside);

// It takes back what it has written when a call has come late.
const brief = (await d.newGroup([0, 1]))!;
const written = `${brief.name}//cpu//call/0`;
if (rank === 1) await inner.wait([written]);
await d.barrier({ group: brief });
await d.destroyProcessGroup(brief);
await d.barrier();
await send(await inner.check([written]));

// Calls take channels of their own while a monitoredBarrier does on its thread.
const [first, second] = [ones(4), ones(4)];
for (let i = 0; i < 40; i++) {
  await Promise.all([d.monitoredBarrier(), d.allReduce(first, { op: 'max' }), d.allReduce(second)]);
}
await send(Math.log2(second.sum().item() as number));
await d.destroyProcessGroup();

// Groups that meet again where the last have met read nothing that these have left: in the same store,
for (let i = 0; i < 3; i++) {
  await d.initProcessGroup({ store, rank, worldSize, timeout: 10 });
  await d.destroyProcessGroup();
}
// and on the same port, also after a difference.
if (rank === 0) {
  const free = await d.TCPStore.connect('127.0.0.1', 0, { isServer: true });
  free.close();
  await store.set('free', String(free.port));
}
const initMethod = `tcp://127.0.0.1:${await store.getText('free')}`;
await d.initProcessGroup({ initMethod, rank, worldSize, timeout: 10 });
await send(await said(() => (rank === 0 ? d.allReduce(ones(4)) : d.barrier())));
// Rank 0, which keeps the store, leaves when the other one has come again.
if (rank === 0) await store.wait(['leaving']);
await d.destroyProcessGroup();
const meeting = d.initProcessGroup({ initMethod, rank, worldSize, timeout: 10 });
await store.set('leaving', 'yes');
await meeting;
await d.barrier();

// A group that one rank makes, and the other does not.
await send(rank === 0 ? await said(() => d.newGroup([0, 1], { timeout: 0.5 })) : null);
await leave();
