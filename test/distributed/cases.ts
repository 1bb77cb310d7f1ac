// The collectives as data: what every rank calls, and what must come of it.
import torch, { type Dtype, data, type distributed, type Tensor } from '../../lib/index.js';

export interface Place {
  readonly rank: number;
  readonly size: number;
  /** Options that choose between promises and blocking calls. */
  readonly how: { readonly wait: boolean };
}

export interface Case {
  readonly name: string;
  /** Only for so many ranks or more. */
  readonly least?: number;
  run(d: typeof distributed, place: Place): Promise<unknown>;
  expected(place: Place): unknown;
}

const { tensor, zeros, empty } = torch;
const ranksOf = ({ size }: Place) => Array.from({ length: size }, (_, i) => i);
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const own = (rank: number) => [rank + 1, -rank, rank * 10];

type Op = NonNullable<distributed.AllReduceOptions['op']>;
const reductions: Record<Op, (values: number[]) => number> = {
  sum,
  avg: (v) => sum(v) / v.length,
  product: (v) => v.reduce((a, b) => a * b, 1),
  min: (v) => Math.min(...v),
  max: (v) => Math.max(...v),
  band: (v) => v.reduce((a, b) => a & b),
  bor: (v) => v.reduce((a, b) => a | b),
  bxor: (v) => v.reduce((a, b) => a ^ b),
};
const columns = (place: Place, reduce: (values: number[]) => number) =>
  own(0).map((_, i) => reduce(ranksOf(place).map((rank) => own(rank)[i]!)) + 0);

const floating: Dtype[] = [torch.float32, torch.float64, torch.float16, torch.bfloat16];
const integers: Dtype[] = [torch.int32, torch.int64];
const plus0 = (t: Tensor) => t.to(torch.float64).add(0).tolist();

function reductionCases(): Case[] {
  return Object.entries(reductions).flatMap(([op, reduce]) => {
    const bits = ['band', 'bor', 'bxor'].includes(op);
    const dtypes = bits ? integers : op === 'avg' ? floating : [...floating, ...integers];
    return dtypes.map(
      (dtype): Case => ({
        name: `allReduce ${op} of ${dtype.name}`,
        async run(d, { rank, how }) {
          const t = tensor(own(rank), { dtype });
          await d.allReduce(t, { op: op as Op, ...how });
          return plus0(t);
        },
        expected: (place) => {
          const plain = columns(place, reduce);
          return plus0(tensor(plain, { dtype: torch.float64 }).to(dtype));
        },
      }),
    );
  });
}

const nan = Number.NaN;
/** NaN at one rank after another, infinities and zeros of both signs. */
const hard = (rank: number, size: number) => [
  rank === 0 ? nan : 1,
  rank === size - 1 ? nan : -1,
  rank % 2 === 0 ? -Infinity : Infinity,
  -rank,
  rank - 1.5,
  1e-40 * (rank + 1),
];
const keeping = (values: number[], pick: (...v: number[]) => number) =>
  values.some(Number.isNaN) ? nan : pick(...values);

function nanCases(): Case[] {
  return (['min', 'max'] as const).flatMap((op) =>
    [torch.float32, torch.float64, torch.bfloat16].flatMap((dtype): Case[] => {
      const expected = (place: Place) => {
        const rows = ranksOf(place).map(
          (r) => tensor(hard(r, place.size), { dtype }).to(torch.float64).tolist() as number[],
        );
        return rows[0]!.map((_, i) =>
          String(
            keeping(
              rows.map((row) => row[i]!),
              Math[op],
            ),
          ),
        );
      };
      const texts = (t: Tensor) => (t.to(torch.float64).tolist() as number[]).map((x) => String(x));
      return [
        {
          name: `allReduce ${op} of ${dtype.name} keeps NaN`,
          async run(d, { rank, size, how }) {
            const t = tensor(hard(rank, size), { dtype });
            await d.allReduce(t, { op, ...how });
            return texts(t);
          },
          expected,
        },
        {
          name: `reduceScatter ${op} of ${dtype.name} keeps NaN`,
          async run(d, { rank, size, how }) {
            const out = empty([6], { dtype });
            const inputs = Array.from({ length: size }, () => tensor(hard(rank, size), { dtype }));
            await d.reduceScatter(out, inputs, { op, ...how });
            const flat = empty([6], { dtype });
            await d.reduceScatterTensor(flat, torch.cat(inputs), { op, ...how });
            return [texts(out), texts(flat)];
          },
          expected: (place) => [expected(place), expected(place)],
        },
      ];
    }),
  );
}

const shared = [torch.float32, torch.int16, torch.bool, torch.complex64, torch.uint8, torch.float8E5m2];
const some = (rank: number, dtype: Dtype) =>
  tensor([
    [rank + 1, 0],
    [rank * 3, 2],
  ]).to(dtype);
const text = (t: Tensor) => (t.dtype.isComplex ? torch.viewAsReal(t) : t.to(torch.float64)).tolist();

function movingCases(): Case[] {
  return shared.flatMap((dtype): Case[] => {
    const all = (place: Place) => ranksOf(place).map((r) => text(some(r, dtype)));
    return [
      {
        name: `broadcast of ${dtype.name}`,
        async run(d, { rank, size, how }) {
          const t = some(rank, dtype);
          await d.broadcast(t, { src: size - 1, ...how });
          return text(t);
        },
        expected: ({ size }) => text(some(size - 1, dtype)),
      },
      {
        name: `allGather of ${dtype.name}`,
        async run(d, { rank, size, how }) {
          const list = Array.from({ length: size }, () => empty([2, 2], { dtype }));
          await d.allGather(list, some(rank, dtype), how);
          return list.map(text);
        },
        expected: all,
      },
      {
        name: `allGatherIntoTensor of ${dtype.name}`,
        async run(d, { rank, size, how }) {
          const out = empty([size, 2, 2], { dtype });
          await d.allGatherIntoTensor(out, some(rank, dtype), how);
          return text(out);
        },
        expected: all,
      },
      {
        name: `gather of ${dtype.name}`,
        async run(d, { rank, size, how }) {
          const list = rank === size - 1 ? Array.from({ length: size }, () => empty([2, 2], { dtype })) : null;
          await d.gather(some(rank, dtype), list, { dst: size - 1, ...how });
          return list?.map(text) ?? null;
        },
        expected: (place) => (place.rank === place.size - 1 ? all(place) : null),
      },
      {
        name: `scatter of ${dtype.name}`,
        async run(d, { rank, size, how }) {
          const list = rank === 0 ? Array.from({ length: size }, (_, r) => some(r, dtype)) : null;
          const out = empty([2, 2], { dtype });
          await d.scatter(out, list, { src: 0, ...how });
          return text(out);
        },
        expected: ({ rank }) => text(some(rank, dtype)),
      },
      {
        name: `allToAll of ${dtype.name}`,
        async run(d, { rank, size, how }) {
          const outs = Array.from({ length: size }, (_, r) => empty([r + rank], { dtype }));
          const ins = Array.from({ length: size }, (_, r) => torch.full([rank + r], rank * size + r).to(dtype));
          await d.allToAll(outs, ins, how);
          return outs.map(text);
        },
        expected: ({ rank, size }) =>
          Array.from({ length: size }, (_, r) => text(torch.full([r + rank], r * size + rank).to(dtype))),
      },
      {
        name: `send and recv of ${dtype.name} in a ring`,
        least: 2,
        async run(d, { rank, size, how }) {
          const into = empty([2, 2], { dtype });
          const [to, from] = [(rank + 1) % size, (rank + size - 1) % size];
          const work = d.isend(some(rank, dtype), to, { tag: 3 })!;
          const sender = await d.recv(into, { src: from, tag: 3, ...how });
          if (how.wait) work.wait();
          else await work.done;
          return [text(into), sender, work.isCompleted()];
        },
        expected: ({ rank, size }) => {
          const from = (rank + size - 1) % size;
          return [text(some(from, dtype)), from, true];
        },
      },
    ];
  });
}

const others: Case[] = [
  {
    name: 'allReduce of a tensor that is not contiguous',
    async run(d, { rank, how }) {
      const base = torch
        .arange(6, { dtype: torch.float32 })
        .view([2, 3])
        .mul(rank + 1);
      await d.allReduce(base.t(), how);
      await d.allReduce(base.narrow(1, 1, 1), { op: 'max', ...how });
      return base.tolist();
    },
    expected: (place) => {
      const factor = sum(ranksOf(place).map((r) => r + 1));
      return [
        [0, 1, 2],
        [3, 4, 5],
      ].map((row) => row.map((x) => x * factor));
    },
  },
  {
    name: 'allReduce of a complex tensor, of none and of one element',
    async run(d, { rank, how }) {
      const z = torch.complex(tensor([rank]).to(torch.float32), tensor([1]).to(torch.float32));
      await d.allReduce(z, how);
      const [none, one] = [empty([0]), tensor(rank + 0.5)];
      await d.allReduce(none, how);
      await d.allReduce(one, how);
      return [text(z), none.shape, one.item()];
    },
    expected: (place) => {
      const ranks = sum(ranksOf(place));
      return [[[ranks, place.size]], [0], ranks + place.size / 2];
    },
  },
  {
    name: 'reduce to the last rank',
    async run(d, { rank, size, how }) {
      const t = tensor(own(rank), { dtype: torch.float64 });
      await d.reduce(t, { dst: size - 1, ...how });
      const m = tensor([rank === 0 ? nan : rank], { dtype: torch.float32 });
      await d.reduce(m, { dst: size - 1, op: 'max', ...how });
      return rank === size - 1 ? [plus0(t), String(m.item())] : null;
    },
    expected: (place) => (place.rank === place.size - 1 ? [columns(place, sum), 'NaN'] : null),
  },
  {
    name: 'reduceScatter of a list and of a tensor',
    async run(d, { rank, size, how }) {
      const rows = Array.from({ length: size }, (_, r) => tensor([rank, r], { dtype: torch.float32 }));
      const [a, b] = [empty([2]), empty([2])];
      await d.reduceScatter(a, rows, how);
      await d.reduceScatterTensor(b, torch.stack(rows), { op: 'avg', ...how });
      return [a.tolist(), b.tolist()];
    },
    expected: (place) => {
      const ranks = sum(ranksOf(place));
      return [
        [ranks, place.rank * place.size],
        [ranks / place.size, place.rank],
      ];
    },
  },
  {
    name: 'allToAllSingle with equal and with given shares',
    async run(d, { rank, size, how }) {
      const even = empty([size]);
      await d.allToAllSingle(even, torch.full([size], rank, { dtype: torch.float32 }), how);
      const inputSplitSizes = Array.from({ length: size }, (_, r) => r);
      const uneven = empty([rank * size, 2]);
      const rows = torch.full([sum(inputSplitSizes), 2], rank, { dtype: torch.float32 });
      const outputSplitSizes = new Array<number>(size).fill(rank);
      await d.allToAllSingle(uneven, rows, { inputSplitSizes, outputSplitSizes, ...how });
      return [even.tolist(), uneven.tolist()];
    },
    expected: ({ rank, size }) => {
      const ranks = Array.from({ length: size }, (_, r) => r);
      return [ranks, ranks.flatMap((r) => new Array(rank).fill([r, r]))];
    },
  },
  {
    name: 'recv from any rank',
    least: 2,
    async run(d, { rank, size, how }) {
      if (rank > 0) return await d.send(tensor([rank], { dtype: torch.float32 }), 0, { tag: 9, ...how });
      const senders: [number, number][] = [];
      for (let i = 1; i < size; i++) {
        const t = empty([1]);
        senders.push([await d.recv(t, { tag: 9, ...how }), t.item()]);
      }
      return senders.sort(([a], [b]) => a - b);
    },
    expected: ({ rank, size }) => (rank > 0 ? undefined : Array.from({ length: size - 1 }, (_, i) => [i + 1, i + 1])),
  },
  {
    name: 'batchIsendIrecv',
    least: 2,
    async run(d, { rank, size }) {
      const into = empty([1]);
      const ops = [
        new d.P2POp(d.isend, tensor([rank + 0.5]), (rank + 1) % size),
        new d.P2POp(d.irecv, into.view([1]), (rank + size - 1) % size),
      ];
      for (const work of d.batchIsendIrecv(ops)) await work.done;
      return into.item();
    },
    expected: ({ rank, size }) => ((rank + size - 1) % size) + 0.5,
  },
  {
    name: 'barriers',
    async run(d, { how }) {
      await d.barrier(how);
      await d.monitoredBarrier({ waitAllRanks: true, ...how });
      return 'passed';
    },
    expected: () => 'passed',
  },
  {
    name: 'objects',
    async run(d, { rank, size, how }) {
      const value = { rank, text: 'ä'.repeat(rank * 3), list: [null, true, -0.5] };
      const all = await d.allGatherObject(value, how);
      const gathered = await d.gatherObject(rank, { dst: size - 1, ...how });
      const [given] = await d.broadcastObjectList(rank === size - 1 ? [value] : [], { src: size - 1, ...how });
      const share = await d.scatterObjectList(rank === 0 ? all.map((_, i) => ({ i })) : null, how);
      if (size === 1) return [all, gathered, given, share];
      const ends = await d.newGroup([0, size - 1]);
      if (rank === 0) {
        await d.sendObjectList([{ c: 2 }], size - 1, { group: ends });
        await d.sendObjectList(['a', { b: 1 }], size - 1);
      }
      const inGroup = rank > 0 ? await d.recvObjectList<{ c: number }>(0, { group: ends }) : [{ c: 2 }];
      const received = rank === size - 1 ? await d.recvObjectList(0) : ['a', { b: 1 }];
      return [all, gathered, given, share, ...received, inGroup];
    },
    expected: ({ rank, size }) => {
      const value = (r: number) => ({ rank: r, text: 'ä'.repeat(r * 3), list: [null, true, -0.5] });
      const ranks = Array.from({ length: size }, (_, r) => r);
      const common = [ranks.map(value), rank === size - 1 ? ranks : null, value(size - 1), { i: rank }];
      const inGroup = rank === 0 || rank === size - 1 ? [{ c: 2 }] : [];
      return size === 1 ? common : [...common, 'a', { b: 1 }, inGroup];
    },
  },
  {
    name: 'groups of some ranks',
    least: 2,
    async run(d, { rank, size, how }) {
      const members = Array.from({ length: size }, (_, r) => r).filter((r) => r !== 1);
      const group = await d.newGroup([...members].reverse());
      const t = zeros([1]).add(rank + 1);
      await d.allReduce(t, { group, ...how });
      await d.broadcast(t, { group, src: group === null ? 0 : members.at(-1)!, ...how });
      const answer = [t.item(), d.getRank(group), d.getWorldSize(group)];
      if (group !== null) {
        answer.push(d.getGlobalRank(group, 0), d.getGroupRank(group, rank), d.getProcessGroupRanks(group).length);
      }
      await d.destroyProcessGroup(group);
      return answer;
    },
    expected: ({ rank, size }) => {
      if (rank === 1) return [2, -1, -1];
      const members = Array.from({ length: size }, (_, r) => r).filter((r) => r !== 1);
      const at = members.indexOf(rank);
      return [sum(members.map((r) => r + 1)), at, members.length, 0, at, members.length];
    },
  },
  {
    name: 'groups side by side, and parts of them',
    least: 4,
    async run(d, { rank, how }) {
      const [pair, pairs] = await d.newSubgroups(2);
      const [own, all] = await d.newSubgroupsByEnumeration([[3, 0], [2]]);
      const half = await d.splitGroup([[1, 0]], { group: pair });
      const rest = await d.splitGroup([[0, 2], [3]]);
      const sums: number[] = [];
      for (const group of [pair, own, half, rest]) {
        const t = zeros([1]).add(rank);
        if (group !== null) await d.allReduce(t, { group, ...how });
        sums.push(t.item());
      }
      const places = [pairs, all].map((groups) => groups.findIndex((group) => group !== null));
      const answer = [sums, places, d.getRank(rest)];
      for (const group of [pair, own, half, rest]) await d.destroyProcessGroup(group);
      return answer;
    },
    expected: ({ rank }) => {
      const twins = rank % 2 === 0 ? [rank, rank + 1] : [rank - 1, rank];
      const own = rank === 0 || rank === 3 ? 3 : rank;
      const rest = rank === 0 || rank === 2 ? 2 : rank;
      const second = rank === 0 || rank === 3 ? 0 : rank === 2 ? 1 : -1;
      const last = rank === 2 ? 1 : rank === 0 || rank === 3 ? 0 : -1;
      return [[sum(twins), own, sum(twins), rest], [Math.floor(rank / 2), second], last];
    },
  },
  {
    name: 'a mesh of two dimensions',
    least: 4,
    async run(d, { rank, how }) {
      const mesh = await d.DeviceMesh.create(
        'cpu',
        [
          [0, 1],
          [2, 3],
        ],
        { meshDimNames: ['rows', 'columns'] },
      );
      const answer: unknown[] = [mesh.getCoordinate(), mesh.shape, mesh.size(), String(mesh)];
      for (const dim of ['rows', 'columns']) {
        const part = mesh.submesh(dim);
        const t = zeros([1]).add(rank);
        if (rank < 4) await d.allReduce(t, { group: mesh.getGroup(dim), ...how });
        answer.push(t.item(), rank < 4 ? part.mesh.tolist() : null, rank < 4 ? mesh.getLocalRank(dim) : null);
      }
      if (rank < 4) for (const group of mesh.getAllGroups()) await d.destroyProcessGroup(group);
      return answer;
    },
    expected: ({ rank }) => {
      const [row, column] = [Math.floor(rank / 2), rank % 2];
      const fixed = [[2, 2], 4, "DeviceMesh((rows=2, columns=2), 'cpu')"];
      if (rank >= 4) return [null, ...fixed, rank, null, null, rank, null, null];
      const [along, across] = [
        [column, column + 2],
        [2 * row, 2 * row + 1],
      ];
      return [[row, column], ...fixed, sum(along), along, row, sum(across), across, column];
    },
  },
  {
    name: "a DistributedSampler's share is that of the group's rank",
    async run() {
      const source = { length: 8 };
      const first = (options?: { numReplicas?: number; rank?: number }) =>
        [...new data.DistributedSampler(source, { shuffle: false, ...options })].slice(0, 2);
      return [first(), first({ rank: 0 }), first({ numReplicas: 8 })];
    },
    expected: ({ rank, size }) => [[rank, rank + size], [0, size], [rank]],
  },
  {
    name: 'values of many calls at once, with reductions among them',
    async run(d, { rank }) {
      const t = zeros([1]).add(rank);
      const calls = Array.from({ length: 8 }, (_, i) => d.allGatherObject({ i, rank, text: 'x'.repeat(i * rank) }));
      const [lists] = await Promise.all([Promise.all(calls), d.allReduce(t)]);
      return [lists.map((list) => list.map(({ i }) => i)), t.item()];
    },
    expected: (place) => [Array.from({ length: 8 }, (_, i) => ranksOf(place).map(() => i)), sum(ranksOf(place))],
  },
  {
    name: 'many at once, and the event loop goes on',
    async run(d, { rank, size }) {
      const tensors = Array.from({ length: 16 }, (_, i) => torch.full([5000], rank + i, { dtype: torch.float32 }));
      let turns = 0;
      const turning = setInterval(() => turns++, 0);
      await Promise.all(tensors.map((t) => d.allReduce(t)));
      while (turns === 0) await new Promise((resolve) => setImmediate(resolve));
      clearInterval(turning);
      return tensors.map((t) => t.sum().item() / 5000 - size * 0);
    },
    expected: (place) => Array.from({ length: 16 }, (_, i) => sum(ranksOf(place)) + i * place.size),
  },
];

export const cases: readonly Case[] = [...reductionCases(), ...nanCases(), ...movingCases(), ...others];
