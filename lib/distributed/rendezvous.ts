// Where the ranks meet, and over which library.
import { native } from '../binding/index.js';
import { check, integer } from '../check.js';
import { requireCuda, whyUnavailable } from '../cuda/available.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { launchOf, missedIn } from './environment.js';
import { FileStore, type Store, TCPStore } from './store.js';

/** @internal A store in which all ranks are, and who this process is among them. */
export interface Rendezvous {
  readonly store: Store;
  readonly opened: Store | undefined;
  /** Where the store outlives the group, and what its ranks leave there: the same object for the same store. */
  readonly lasting: object | undefined;
  readonly rank: number;
  readonly worldSize: number;
}

/** @internal */
export type Backends = readonly (readonly [device: string, backend: string])[];
/** @internal */
export const joined = (backends: Backends) => backends.map((pair) => pair.join(':')).join(',');

/** @internal The devices of a group with their backends, as PyTorch reads the option. */
export function backendsOf(backend: string | undefined): Backends {
  const known = native.distributedBackends();
  const need = (name: string): string => {
    if (name === 'nccl') requireCuda('the backend "nccl"');
    if (known.includes(name)) return name;
    if (name !== 'nccl') {
      throw invalidArgument('backend', '"gloo", "nccl" or one per device such as "cpu:gloo,cuda:nccl"', backend);
    }
    throw new TorchClipError(
      'ERR_DISTRIBUTED_UNAVAILABLE',
      'the backend "nccl" is not in this build, which was made without nccl.h; the backend "gloo" takes tensors of GPUs, too',
    );
  };
  if (backend === undefined) {
    const nccl = known.includes('nccl') && whyUnavailable() === undefined;
    return nccl
      ? [
          ['cpu', 'gloo'],
          ['cuda', 'nccl'],
        ]
      : [['cpu', 'gloo']];
  }
  const name = backend.toLowerCase();
  if (!name.includes(':')) {
    need(name);
    return name === 'nccl'
      ? [['cuda', 'nccl']]
      : [
          ['cpu', 'gloo'],
          ['cuda', 'gloo'],
        ];
  }
  const pairs = name.split(',').map((pair) => {
    const found = /^(cpu|cuda):(\w+)$/.exec(pair.trim());
    if (found === null)
      throw invalidArgument('backend', 'pairs of a device and a backend, such as "cpu:gloo"', backend);
    return [found[1]!, need(found[2]!)] as const;
  });
  if (new Set(pairs.map(([device]) => device)).size < pairs.length) {
    throw invalidArgument('backend', 'one backend per device', backend);
  }
  return pairs;
}

/** @internal Refuses where one is missing. */
export function ranked(
  rank: number | undefined,
  worldSize: number | undefined,
  where: string,
): { rank: number; worldSize: number } {
  if (rank === undefined || worldSize === undefined) {
    throw new TorchClipError('ERR_ARGUMENT', `"rank" and "worldSize" of initProcessGroup must be given with ${where}`);
  }
  if (rank >= worldSize) throw invalidArgument('rank', `an integer from 0 to ${worldSize - 1}`, rank);
  return { rank, worldSize };
}

/** That of the launcher. */
const agentStore = {};

/** @internal Below what the default group meets in a store of its own, as PyTorch's. */
export const defaultPrefix = 'default_pg';
/** @internal What a rank of this package leaves in the store before it joins a group. */
export const markOf = (group: string, rank: number) => `torch-clip/${group}/${rank}`;

/** Milliseconds for which the store of the last group may be closing, and take connections that it then drops. */
const closing = 5000;
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Whether the rank has joined a group in this store before, whose rank 0 has not left it yet or is about to. */
const hasJoined = (store: Store, rank: number): Promise<boolean> =>
  store.check([`${defaultPrefix}/${markOf('0', rank)}`]).catch(() => true);

/** @internal Opens the store that an URL names. */
export async function rendezvous(
  method: string,
  rank: number | undefined,
  worldSize: number | undefined,
  timeout: number,
): Promise<Rendezvous> {
  const [, protocol, rest] = /^(env|tcp|file):\/\/(.*)$/s.exec(method) ?? [];
  const wrong = () => invalidArgument('initMethod', '"env://", "tcp://host:port" or "file:///path"', method);
  if (protocol === undefined) throw wrong();
  let at: URL;
  let path: string;
  try {
    at = new URL(protocol === 'env' ? 'env://all' : method);
    path = decodeURIComponent(at.host + at.pathname);
  } catch {
    throw wrong();
  }
  const query = (name: string, least: number): number | undefined => {
    const given = new URLSearchParams(rest!.split('?')[1] ?? '').get(name);
    return given === null ? undefined : check(`${name}" of "initMethod`, Number(given), integer(least));
  };
  const own = { rank: rank ?? query('rank', 0), worldSize: worldSize ?? query('world_size', 1) };
  if (protocol === 'file') {
    const who = ranked(own.rank, own.worldSize, '"file://"');
    if (path === '' || path === '/') throw invalidArgument('initMethod', 'a "file://" with a path', method);
    const opened = await FileStore.open(path, { worldSize: who.worldSize, timeout });
    return { store: opened, opened, lasting: undefined, ...who };
  }
  let { host, port, agent, who } = { host: '', port: 0, agent: false, who: own as { rank: number; worldSize: number } };
  if (protocol === 'tcp') {
    if (at.port === '' || at.hostname === '') throw invalidArgument('initMethod', '"tcp://host:port"', method);
    who = ranked(own.rank, own.worldSize, '"tcp://"');
    [host, port] = [at.hostname.replace(/^\[(.*)\]$/, '$1'), Number(at.port)];
  } else {
    const env = {
      ...process.env,
      ...(own.rank === undefined ? {} : { RANK: String(own.rank) }),
      ...(own.worldSize === undefined ? {} : { WORLD_SIZE: String(own.worldSize) }),
    };
    const launch = launchOf(env);
    if (launch === undefined) {
      throw new TorchClipError(
        'ERR_STATE',
        `initProcessGroup() found ${missedIn(env)}; start the script with npx torch-clip run, or pass "initMethod", "rank" and "worldSize"`,
      );
    }
    ({ host, port } = launch);
    agent = launch.agentStore;
    who = launch;
  }
  const { rank: mine, worldSize: size } = who;
  const late = (missing: string, cause?: unknown) =>
    new TorchClipError(
      'ERR_TIMEOUT',
      `initProcessGroup() of rank ${mine} timed out after ${timeout} s at ${host}:${port}: ${missing}`,
      { cause },
    );
  const end = performance.now() + 1000 * timeout;
  const left = () => Math.max((end - performance.now()) / 1000, 0.001);
  const connect = async (began: number): Promise<TCPStore> => {
    try {
      return await TCPStore.connect(host, port, {
        isServer: mine === 0 && !agent,
        worldSize: size,
        waitForWorkers: !agent,
        multiTenant: !agent,
        timeout: left(),
      });
    } catch (error) {
      if (!(error instanceof TorchClipError)) throw error;
      // A store that closes later, while ranks wait in it, has lost rank 0.
      const isClosing = performance.now() - began < closing && /closed its connection/.test(error.message);
      if (!agent && mine > 0 && isClosing) {
        await pause();
        return connect(began);
      }
      if (error.code !== 'ERR_TIMEOUT') throw error;
      const missing = [
        ...(agent ? ["the launcher's store does not answer"] : mine > 0 ? ['rank 0 does not answer'] : []),
        ...(agent ? [] : [`not all of the ${size} ranks have come`]),
      ];
      throw late(missing.join(', or '), error);
    }
  };
  let opened = await connect(performance.now());
  while (!agent && mine > 0 && (await hasJoined(opened, mine))) {
    opened.close();
    await pause();
    if (performance.now() >= end) throw late('rank 0 has not left the last group that met there');
    opened = await connect(performance.now());
  }
  return { store: opened, opened, lasting: agent ? agentStore : undefined, rank: mine, worldSize: size };
}
