// The group of this process: its life, and what its functions refuse.
import { expect } from 'chai';
import torch, { TorchClipError } from '../../lib/index.js';
import { refusalOf } from '../support.js';

const { distributed: d } = torch;
const alone = () => d.initProcessGroup({ store: new d.HashStore(), rank: 0, worldSize: 1, timeout: 20 });

async function rejectionOf(promise: Promise<unknown>): Promise<[string, string]> {
  try {
    await promise;
  } catch (error) {
    expect(error).instanceOf(TorchClipError);
    return [(error as TorchClipError).code, (error as Error).message];
  }
  throw new Error('nothing was rejected');
}

describe('a process group', () => {
  afterEach(async () => {
    if (d.isInitialized()) await d.destroyProcessGroup();
  });

  it('is made, asked, left and made again', async () => {
    for (let i = 0; i < 3; i++) {
      expect(d.isInitialized()).equal(false);
      const group = await alone();
      expect(d.isInitialized()).equal(true);
      expect([d.getRank(), d.getWorldSize(), d.getBackend()]).deep.equal([0, 1, 'cpu:gloo']);
      expect([group.rank, group.size, group.name, group.timeout]).deep.equal([0, 1, '0', 20]);
      const other = (await d.newGroup())!;
      expect([other.name, d.getGlobalRank(other, 0), d.getGroupRank(other, 0)]).deep.equal(['1', 0, 0]);
      await d.destroyProcessGroup();
      for (const one of [group, other]) {
        const error = refusalOf(() => d.allReduce(torch.ones([1]), { group: one }));
        expect([error.code, error.message]).deep.equal(['ERR_STATE', 'the process group has been destroyed']);
      }
    }
  });

  it('meets over TCP and in a file, too', async () => {
    const server = await d.TCPStore.connect('127.0.0.1', 0, { isServer: true });
    server.close();
    await d.initProcessGroup({ initMethod: `tcp://127.0.0.1:${server.port}`, rank: 0, worldSize: 1, timeout: 20 });
    await d.destroyProcessGroup();
    // The port is free again.
    await d.initProcessGroup({ initMethod: `tcp://127.0.0.1:${server.port}?rank=0&world_size=1`, timeout: 20 });
    const t = torch.ones([2]);
    await d.allReduce(t);
    expect(t.tolist()).deep.equal([1, 1]);
  });

  it('must be there before it is used, and only once', async () => {
    const missing = refusalOf(() => d.getRank());
    expect([missing.code, missing.message]).deep.equal([
      'ERR_STATE',
      'there is no process group yet: await torch.distributed.initProcessGroup() first',
    ]);
    await alone();
    expect(await rejectionOf(alone())).deep.equal([
      'ERR_STATE',
      'the default process group exists already; destroyProcessGroup() ends it',
    ]);
  });

  it('is refused options that make no sense, and can be made afterwards', async () => {
    const store = new d.HashStore();
    const rows: [object, string, string][] = [
      [
        { rank: 0, worldSize: 1, store, initMethod: 'env://' },
        'ERR_ARGUMENT',
        '"store" cannot be combined with "initMethod"',
      ],
      [{ store }, 'ERR_ARGUMENT', '"rank" and "worldSize" of initProcessGroup must be given with "store"'],
      [{ store, rank: 2, worldSize: 2 }, 'ERR_ARGUMENT', '"rank" must be an integer from 0 to 1, got 2'],
      [{ store, rank: -1, worldSize: 2 }, 'ERR_ARGUMENT', '"rank" must be an integer >= 0, got -1'],
      [{ store: {}, rank: 0, worldSize: 1 }, 'ERR_ARGUMENT', '"store" must be a Store, got an object'],
      [{ timeout: 0, store }, 'ERR_ARGUMENT', '"timeout" must be a number > 0, got 0'],
      [
        { backend: 'mpi' },
        'ERR_ARGUMENT',
        '"backend" must be "gloo", "nccl" or one per device such as "cpu:gloo,cuda:nccl", got "mpi"',
      ],
      ...(torch.cuda.isAvailable() ? [] : ['nccl', 'cpu:gloo,cuda:nccl', 'NCCL']).map(
        (backend): [object, string, string] => [
          { backend },
          'ERR_CUDA_UNAVAILABLE',
          refusalOf(() => torch.zeros([1], { device: 'cuda' })).message.replace('device "cuda"', 'backend "nccl"'),
        ],
      ),
      [
        { backend: 'cpu:gloo,cpu:gloo' },
        'ERR_ARGUMENT',
        '"backend" must be one backend per device, got "cpu:gloo,cpu:gloo"',
      ],
      [
        { initMethod: 'http://x' },
        'ERR_ARGUMENT',
        '"initMethod" must be "env://", "tcp://host:port" or "file:///path", got "http://x"',
      ],
      [
        { initMethod: 'tcp://x', rank: 0, worldSize: 1 },
        'ERR_ARGUMENT',
        '"initMethod" must be "tcp://host:port", got "tcp://x"',
      ],
      [
        { initMethod: 'tcp://x:1' },
        'ERR_ARGUMENT',
        '"rank" and "worldSize" of initProcessGroup must be given with "tcp://"',
      ],
      [
        { initMethod: 'file:///a%zz', rank: 0, worldSize: 1 },
        'ERR_ARGUMENT',
        '"initMethod" must be "env://", "tcp://host:port" or "file:///path", got "file:///a%zz"',
      ],
      [
        { initMethod: 'tcp://:1', rank: 0, worldSize: 1 },
        'ERR_ARGUMENT',
        '"initMethod" must be "env://", "tcp://host:port" or "file:///path", got "tcp://:1"',
      ],
      [
        { initMethod: 'file://', rank: 0, worldSize: 1 },
        'ERR_ARGUMENT',
        '"initMethod" must be a "file://" with a path, got "file://"',
      ],
      [
        { world_size: 1 },
        'ERR_ARGUMENT',
        'unknown option "world_size" of initProcessGroup; did you mean "worldSize"? It takes',
      ],
    ];
    for (const [options, code, message] of rows) {
      const [gotCode, got] = await rejectionOf(d.initProcessGroup(options as never));
      expect(gotCode, got).equal(code);
      expect(got).include(message);
    }
    await alone();
  });

  it('times out where a rank does not come, and leaves nothing behind', async () => {
    const began = performance.now();
    const [code, message] = await rejectionOf(
      d.initProcessGroup({ store: new d.HashStore(), rank: 0, worldSize: 2, timeout: 0.5 }),
    );
    expect(code, message).oneOf(['ERR_TIMEOUT', 'ERR_DISTRIBUTED']);
    expect(message).match(/^the process group of rank 0 of 2 /);
    expect(performance.now() - began).below(1500);
    expect(d.isInitialized()).equal(false);
    await alone();
  });

  it('says who does not come to an address', async () => {
    const lacks = ['not all of the 2 ranks have come', 'rank 0 does not answer, or not all of the 2 ranks have come'];
    for (const [rank, what] of lacks.entries()) {
      const server = await d.TCPStore.connect('127.0.0.1', 0, { isServer: true });
      server.close();
      const initMethod = `tcp://127.0.0.1:${server.port}`;
      expect(await rejectionOf(d.initProcessGroup({ initMethod, rank, worldSize: 2, timeout: 0.3 }))).deep.equal([
        'ERR_TIMEOUT',
        `initProcessGroup() of rank ${rank} timed out after 0.3 s at 127.0.0.1:${server.port}: ${what}`,
      ]);
    }
  });

  it('names the line that awaits what fails in another thread', async () => {
    const store = new d.HashStore();
    const waits = async function waitsForKey() {
      await store.wait(['never'], 0.05);
    };
    const meets = async function meetsNobody() {
      await d.initProcessGroup({ store, rank: 0, worldSize: 2, timeout: 0.2 });
    };
    const connects = async function connectsToNobody() {
      await d.TCPStore.connect('127.0.0.1', 9, { timeout: 0.2 });
    };
    for (const call of [waits, meets, connects]) {
      const error = await call().then(
        () => new Error('it has ended well'),
        (reason: unknown) => reason as Error,
      );
      expect(error).instanceOf(TorchClipError);
      expect(error.stack).match(new RegExp(`at async (Context\\.)?${call.name} .*group\\.test\\.ts`));
    }
  });

  it('refuses arguments of collectives in a sentence', async () => {
    await alone();
    const t = torch.ones([2]);
    const sparse = torch.eye(2).toSparse();
    const rows: [() => unknown, string, string][] = [
      [() => d.allReduce(1 as never), 'ERR_ARGUMENT', '"tensor" must be a Tensor, got 1'],
      // Where Python takes it by position.
      ...(
        [
          [() => d.broadcast(t, 1 as never), 'broadcast', '1: write { src: 1 }'],
          [() => d.reduce(t, 1 as never), 'reduce', '1: write { dst: 1 }'],
          [() => d.allReduce(t, 'max' as never), 'allReduce', '"max": write { op: "max" }'],
          [() => d.allReduce(t, d.getRank as never), 'allReduce', 'a function'],
          [() => d.gather(t, [t], 1 as never), 'gather', '1: write { dst: 1 }'],
          [() => d.scatter(t, [t], 1 as never), 'scatter', '1: write { src: 1 }'],
          [() => d.recv(t, 1 as never), 'recv', '1: write { src: 1 }'],
          [() => d.irecv(t, 1 as never), 'irecv', '1: write { src: 1 }'],
          [() => d.gatherObject(t.tolist() as never, 1 as never), 'gatherObject', '1: write { dst: 1 }'],
          [() => d.broadcastObjectList([1], 1 as never), 'broadcastObjectList', '1: write { src: 1 }'],
          [() => d.scatterObjectList([1], 1 as never), 'scatterObjectList', '1: write { src: 1 }'],
        ] as const
      ).map(([call, name, got]): [() => unknown, string, string] => [
        call,
        'ERR_ARGUMENT',
        `"options" of ${name} must be a plain object, got ${got}`,
      ]),
      [
        () => d.allReduce(t, { op: 'mean' as never }),
        'ERR_ARGUMENT',
        '"op" must be "sum", "avg", "product", "min", "max", "band", "bor" or "bxor", got "mean"',
      ],
      [
        () => d.allReduce(t, { op: 'band' }),
        'ERR_DTYPE',
        '"tensor" must have an integer dtype for the op "band", got float32',
      ],
      [() => d.allReduce(t.to(torch.int16)), 'ERR_DTYPE', '"tensor" must have a dtype that c10d reduces, got int16'],
      [
        () => d.allReduce(torch.complex(t, t), { op: 'max' }),
        'ERR_DTYPE',
        '"op" must be "sum" or "avg" for a complex "tensor", got "max"',
      ],
      [
        () => d.allReduce(t, { group: {} as never }),
        'ERR_ARGUMENT',
        '"group" must be a ProcessGroup or null, got an object',
      ],
      [() => d.allReduce(t, { timeout: -1 }), 'ERR_ARGUMENT', '"timeout" must be a number > 0, got -1'],
      [() => d.broadcast(t, { src: 1 }), 'ERR_ARGUMENT', '"src" must be a rank of the group, got 1'],
      [() => d.reduce(t, { dst: -1 }), 'ERR_ARGUMENT', '"dst" must be an integer >= 0, got -1'],
      [() => d.allGather([], t), 'ERR_ARGUMENT', '"tensorList" must have one tensor per rank, 1, got 0'],
      [
        () => d.allGather([torch.ones([3])], t),
        'ERR_SHAPE',
        '"tensorList[0]" must have the shape of "tensor", [2], got [3]',
      ],
      // As many elements are not enough for Gloo.
      ...(
        [
          [() => d.allGather([torch.ones([2, 1])], t), 'tensorList', 'tensor'],
          [() => d.gather(t, [torch.ones([2, 1])]), 'gatherList', 'tensor'],
          [() => d.scatter(t, [torch.ones([2, 1])]), 'scatterList', 'tensor'],
          [() => d.reduceScatter(t, [torch.ones([2, 1])]), 'inputList', 'output'],
        ] as const
      ).map(([call, list, like]): [() => unknown, string, string] => [
        call,
        'ERR_SHAPE',
        `"${list}[0]" must have the shape of "${like}", [2], got [2, 1]`,
      ]),
      ...([torch.int64, torch.int8, torch.bool] as const).flatMap((dtype) => {
        const whole = t.to(dtype);
        const calls: [() => unknown, string][] = [
          [() => d.allReduce(whole, { op: 'avg' }), 'tensor'],
          [() => d.reduce(whole, { op: 'avg' }), 'tensor'],
          [() => d.reduceScatter(whole, [whole], { op: 'avg' }), 'output'],
          [() => d.reduceScatterTensor(whole, whole, { op: 'avg' }), 'output'],
          [() => d.functional.allReduce(whole, { op: 'avg' }), 'input'],
          [() => d.functional.reduceScatterSingle(whole, { op: 'avg' }), 'input'],
        ];
        return calls.map(([call, name]): [() => unknown, string, string] => [
          call,
          'ERR_DTYPE',
          `"${name}" must have a floating-point or complex dtype for the op "avg", got ${dtype.name}`,
        ]);
      }),
      [
        () => d.allGather([t.to(torch.int32)], t),
        'ERR_DTYPE',
        '"tensorList[0]" must have the dtype of "tensor", float32, got int32',
      ],
      [
        () => d.allGatherIntoTensor(torch.ones([3]), t),
        'ERR_SHAPE',
        '"output" must have 1 times the elements of "input", 2, got 3',
      ],
      [() => d.gather(t, null), 'ERR_ARGUMENT', '"gatherList" must be an array of Tensors on rank 0, got null'],
      ...(
        [
          [() => d.allReduce(sparse), 'tensor'],
          [() => d.broadcast(sparse), 'tensor'],
          [() => d.allGather([sparse], t), 'tensorList[0]'],
          [() => d.gather(t, [sparse]), 'gatherList[0]'],
          [() => d.scatter(t, [sparse]), 'scatterList[0]'],
          [() => d.reduceScatter(t, [sparse]), 'inputList[0]'],
          [() => d.reduceScatterTensor(sparse, t), 'output'],
          [() => d.allToAll([t], [sparse]), 'inputList[0]'],
          [() => d.allToAllSingle(t, sparse), 'input'],
          [() => d.send(sparse, 0), 'tensor'],
          [() => d.functional.allReduce(sparse), 'input'],
        ] as const
      ).map(([call, name]): [() => unknown, string, string] => [
        call,
        'ERR_ARGUMENT',
        `"${name}" must be a dense Tensor, which toDense() makes, got one of layout torch.sparse_coo`,
      ]),
      [() => d.scatter(t, [t, t]), 'ERR_ARGUMENT', '"scatterList" must have one tensor per rank, 1, got 2'],
      [
        () => d.reduceScatterTensor(t, torch.ones([3])),
        'ERR_SHAPE',
        '"input" must have 1 times the elements of "output", 2, got 3',
      ],
      [
        () => d.allToAllSingle(t, t, { inputSplitSizes: [1] }),
        'ERR_SHAPE',
        '"inputSplitSizes" must be 1 integers that add up to the 2 rows of "input", got [1]',
      ],
      [() => d.send(t, 0), 'ERR_ARGUMENT', '"dst" must be a rank other than this one, got 0'],
      [() => d.recv(t, { src: 3 }), 'ERR_ARGUMENT', '"src" must be a rank of the group, got 3'],
      [() => d.isend(t, 1.5), 'ERR_ARGUMENT', '"dst" must be an integer >= 0, got 1.5'],
      [() => d.batchIsendIrecv([]), 'ERR_ARGUMENT', '"ops" must be an array of one or more P2POps, got []'],
      [() => d.allGatherObject(Number.NaN), 'ERR_ARGUMENT', '"object" must be what JSON can hold'],
      [
        () => d.allGatherObject({ a: [new Map()] } as never),
        'ERR_ARGUMENT',
        '"object.a[0]" must be what JSON can hold (null, booleans, finite numbers, strings, arrays and plain objects), got a Map',
      ],
      [
        () => d.scatterObjectList([1, 2]),
        'ERR_ARGUMENT',
        '"objects" must be an array of one value per rank, 1, got [1, 2]',
      ],
    ];
    for (const [call, code, message] of rows) {
      const error = refusalOf(call);
      expect(error.code, error.message).equal(code);
      expect(error.message).include(message);
    }
    const round: Record<string, unknown> = {};
    round.self = round;
    expect(refusalOf(() => d.allGatherObject(round as never)).message).equal(
      '"object.self" must hold no object within itself',
    );
    // Nothing of it has reached the group.
    await d.allReduce(t);
    expect(t.tolist()).deep.equal([1, 1]);
    expect(await rejectionOf(d.newGroup([0, 0]))).deep.equal([
      'ERR_ARGUMENT',
      '"ranks" must be an array of one or more different ranks, got [0, 0]',
    ]);
    expect(await rejectionOf(d.newGroup([1]))).deep.equal([
      'ERR_ARGUMENT',
      '"ranks" must be an array, each element an integer from 0 to 0, got [1]',
    ]);
  });

  it('refuses to block behind a call of several steps', async () => {
    await alone();
    const values = d.allGatherObject(1);
    const error = refusalOf(() => d.barrier({ wait: true }));
    expect([error.code, error.message]).deep.equal([
      'ERR_STATE',
      'a call with { wait: true } cannot follow one that is under way and made of several collectives, such as allGatherObject(): await that one first',
    ]);
    expect(await values).deep.equal([1]);
    d.barrier({ wait: true });
  });

  it('does nothing for one that is not a member', async () => {
    await alone();
    const t = torch.ones([1]);
    expect(d.allReduce(t, { group: null, wait: true })).equal(undefined);
    expect(await d.recv(t, { group: null })).equal(-1);
    expect(d.isend(t, 0, { group: null })).equal(null);
    expect([d.getRank(null), d.getWorldSize(null)]).deep.equal([-1, -1]);
  });

  it('writes to tensors as any operation in place does', async () => {
    await alone();
    const t = torch.ones([2], { requiresGrad: true });
    const square = t.mul(t);
    const { version } = t;
    await d.allReduce(t);
    expect(t.version).above(version);
    expect(() => square.sum().backward()).throw(TorchClipError, 'modified by an inplace operation');
    expect(t.requiresGrad && t.isLeaf).equal(true);
  });
});

describe('several groups and meshes', () => {
  beforeEach(() => alone());
  afterEach(() => d.destroyProcessGroup());

  it('are made of one rank, too', async () => {
    const [own, all] = await d.newSubgroups(1);
    expect([own?.ranks, all]).deep.equal([[0], [own]]);
    expect((await d.splitGroup([[0]]))!.size).equal(1);
    const mesh = await d.initDeviceMesh('cpu', [1, 1], { meshDimNames: ['dp', 'tp'], backendOverride: { tp: 'gloo' } });
    expect([mesh.ndim, mesh.size(), mesh.size(0), mesh.shape]).deep.equal([2, 1, 1, [1, 1]]);
    expect(mesh.mesh.tolist()).deep.equal([[0]]);
    expect(mesh.mesh.dtype).equal(torch.int32);
    expect([mesh.getRank(), mesh.getLocalRank('tp'), mesh.getCoordinate()]).deep.equal([0, 0, [0, 0]]);
    expect(mesh.submesh('dp').getGroup()).equal(mesh.getGroup(0));
    expect(mesh.submesh('dp', 'tp')).equal(mesh);
    expect(mesh.getAllGroups().map(({ backend }) => backend)).deep.equal(['cpu:gloo', 'gloo']);
    const flat = d.DeviceMesh.fromGroup(mesh.getGroup(1), 'cpu');
    expect([flat.mesh.tolist(), `${flat}`, flat.meshDimNames]).deep.equal([[0], "DeviceMesh((1), 'cpu')", null]);
    const both = d.DeviceMesh.fromGroup(mesh.getAllGroups(), 'cpu', {
      mesh: torch.tensor([[0]]),
      meshDimNames: ['a', 'b'],
    });
    expect(both.getGroup('b')).equal(mesh.getGroup('tp'));
    expect([d.getDefaultBackendForDevice('cpu'), d.getDefaultBackendForDevice('cuda:0')]).deep.equal(['gloo', 'nccl']);
  });

  it('are refused where they make no sense', async () => {
    const mesh = await d.initDeviceMesh('cpu', [1, 1], { meshDimNames: ['dp', 'tp'] });
    const plain = await d.DeviceMesh.create('cpu', [[0]]);
    const loop: unknown[] = [];
    loop.push(loop);
    const rejected: [() => Promise<unknown>, string][] = [
      [() => d.newSubgroups(2), '"groupSize" must be an integer from 1 to 1, got 2'],
      [() => d.newSubgroups(0.5), '"groupSize" must be an integer from 1 to 1, got 0.5'],
      [() => d.newSubgroupsByEnumeration([]), '"ranksPerSubgroup" must be one or more arrays of ranks, got []'],
      [
        () => d.newSubgroupsByEnumeration([[0], [0]]),
        '"ranksPerSubgroup[1]" must have ranks of its own, got rank 0, which "ranksPerSubgroup[0]" has',
      ],
      [() => d.newSubgroupsByEnumeration([[1]]), '"ranksPerSubgroup[0][0]" must be an integer from 0 to 0, got 1'],
      [() => d.splitGroup([[]]), '"splitRanks[0]" must be an array of one or more ranks, got []'],
      [() => d.initDeviceMesh('cuda:0' as never, [1]), '"deviceType" must be "cpu" or "cuda", got "cuda:0"'],
      [() => d.initDeviceMesh('cpu', []), '"meshShape" must be an array of one or more sizes, got []'],
      [() => d.initDeviceMesh('cpu', [2]), '"mesh" must be ranks from 0 to 0, got 1'],
      [
        () => d.initDeviceMesh('cpu', [1], { meshDimNames: ['a', 'b'] }),
        '"meshDimNames" must be an array of 1 names, one per dimension, got ',
      ],
      [
        () => d.initDeviceMesh('cpu', [1, 1], { meshDimNames: ['a', 'a'] }),
        '"meshDimNames" must be different names, got ',
      ],
      [
        () => d.initDeviceMesh('cpu', [1], { backendOverride: { x: 'gloo' } }),
        '"backendOverride" must be backends by number or name of a dimension, got "x"',
      ],
    ];
    for (const bad of [[[0, 0]], [[0], [0, 0]], [0.5], [-1], 0, [], loop, torch.tensor([0.5])]) {
      rejected.push([
        () => d.DeviceMesh.create('cpu', bad as never),
        '"mesh" must be an integer tensor or nested arrays of ranks, each of them once, got ',
      ]);
    }
    for (const [body, message] of rejected) {
      const [code, got] = await rejectionOf(Promise.resolve().then(body));
      expect(got.startsWith(message), `${got} | ${message}`).equal(true);
      expect(code).equal('ERR_ARGUMENT');
    }
    for (const [body, message] of [
      [() => mesh.getGroup(), '"meshDim" must be given for a mesh of 2 dimensions'],
      [() => mesh.getGroup('pp'), '"meshDim" must be one of "dp", "tp", got "pp"'],
      [() => plain.getGroup('dp'), '"meshDim" must be a number, since the dimensions have no names, got "dp"'],
      [() => mesh.getLocalRank(2), '"meshDim" must be an integer from 0 to 1, got 2'],
      [() => mesh.submesh('tp', 'dp'), '"names" must be one or more of "dp", "tp", in this order, got '],
      [() => plain.submesh('dp'), 'a mesh without "meshDimNames" has no parts'],
      [() => d.DeviceMesh.fromGroup([], 'cpu'), '"group" must be a ProcessGroup or an array of them, got []'],
      [
        () => d.DeviceMesh.fromGroup(mesh.getAllGroups(), 'cpu'),
        '"mesh" and "meshDimNames" must be given for several groups',
      ],
      [
        () => d.getDefaultBackendForDevice('meta'),
        '"device" must be a device with a backend, "cpu" or "cuda", got "meta"',
      ],
    ] as const) {
      expect(refusalOf(body).message.slice(0, message.length)).equal(message);
    }
  });
});
