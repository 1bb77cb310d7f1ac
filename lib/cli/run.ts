// `torch-clip run`: starts the ranks of a job, and ends them all when one fails.
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { availableParallelism, constants, networkInterfaces } from 'node:os';
import { extname } from 'node:path';
import type { Store, TCPStore } from '../distributed/store.js';
import { TorchClipError } from '../errors.js';
import { type Failure, Ranks } from './ranks.js';

/** Options of `torch-clip run`, as the command line gives them. */
export interface RunOptions {
  nprocPerNode: string;
  nnodes: string;
  nodeRank?: string;
  rdzvEndpoint?: string;
  maxRestarts: string;
  threads?: string;
  grace: string;
  exec?: boolean;
  prefix: boolean;
}

function whole(name: string, text: string, least: number): number {
  if (/^\d{1,6}$/.test(text) && Number(text) >= least) return Number(text);
  throw new TorchClipError('ERR_ARGUMENT', `"${name}" must be an integer >= ${least}, got ${JSON.stringify(text)}`);
}

async function processesPerNode(text: string): Promise<number> {
  if (text !== 'auto' && text !== 'gpu') return whole('--nproc-per-node', text, 1);
  const { deviceCount } = await import('../cuda/index.js');
  const gpus = deviceCount();
  if (gpus > 0) return gpus;
  if (text === 'gpu')
    throw new TorchClipError('ERR_CUDA_UNAVAILABLE', '"--nproc-per-node gpu" needs a GPU, and there is none');
  return availableParallelism();
}

function endpointOf(text: string | undefined): { host: string; port: number } {
  const [, host, port] =
    /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text ?? '')?.filter((part) => part !== undefined) ?? [];
  if (host === undefined || Number(port) > 65535) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"--rdzv-endpoint" must be the host and port of one of the nodes, such as node0:29400, got ${JSON.stringify(text ?? '')}`,
    );
  }
  return { host, port: Number(port) };
}

/** Whether a name is one of this machine's addresses. */
async function isOwn(host: string): Promise<boolean> {
  const own = new Set(['127.0.0.1', '::1']);
  for (const list of Object.values(networkInterfaces())) for (const { address } of list ?? []) own.add(address);
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.some(({ address }) => own.has(address));
}

/** How the launchers of several nodes agree; on one node there is no other launcher to ask. */
interface Nodes {
  readonly rank: number;
  readonly count: number;
  /** The address under which the others reach node 0. */
  readonly host: string;
  readonly store: Store | undefined;
}

async function meet(options: RunOptions): Promise<Nodes> {
  const count = whole('--nnodes', options.nnodes, 1);
  const given = options.nodeRank === undefined ? undefined : whole('--node-rank', options.nodeRank, 0);
  if (given !== undefined && given >= count) {
    throw new TorchClipError('ERR_ARGUMENT', `"--node-rank" must be an integer from 0 to ${count - 1}, got ${given}`);
  }
  if (count === 1) return { rank: 0, count, host: '127.0.0.1', store: undefined };
  const { host, port } = endpointOf(options.rdzvEndpoint);
  const { TCPStore } = await import('../distributed/index.js');
  const isServer = given === undefined ? await isOwn(host) : given === 0;
  const connect = (serves: boolean) =>
    TCPStore.connect(host, port, { isServer: serves, waitForWorkers: false, timeout: 600 });
  // Two nodes on one machine both own the address; the second finds the port taken.
  const store = await connect(isServer).catch((error: unknown) => {
    if (isServer && given === undefined && (error as TorchClipError).code === 'ERR_DISTRIBUTED') return connect(false);
    throw error;
  });
  const rank = given ?? (await store.add('nodes', 1)) - 1;
  if (rank >= count) {
    throw new TorchClipError(
      'ERR_STATE',
      `the job has its ${count} nodes already; "--rdzv-endpoint" belongs to another job`,
    );
  }
  return { rank, count, host, store };
}

/** Seconds: as long as a store can wait, 24 days. */
const forever = 2 ** 21;

/** What one attempt of the job came to: undefined where all ranks of all nodes ended well. */
async function attempted(
  nodes: Nodes,
  attempt: number,
  start: (host: string, port: number) => Ranks,
  grace: number,
): Promise<Failure | undefined> {
  const { store } = nodes;
  const key = (name: string) => `attempt/${attempt}/${name}`;
  let own: TCPStore | undefined;
  let ranks: Ranks | undefined;
  try {
    let port: number;
    // Each attempt has a store of its own, with a port of its own: the last one's keys name processes that are gone.
    if (nodes.rank === 0) {
      const { TCPStore } = await import('../distributed/index.js');
      own = await TCPStore.connect('127.0.0.1', 0, { isServer: true, waitForWorkers: false });
      port = own.port;
      await store?.set(key('port'), String(port));
    } else {
      await store!.wait([key('port')], forever);
      port = Number(await store!.getText(key('port')));
    }
    ranks = start(nodes.host, port);
    if (store === undefined) {
      const failure = await ranks.firstFailure();
      if (failure !== undefined) await ranks.end(grace);
      return failure;
    }
    // The first result counts, whether success or failure.
    const elsewhere = store.wait([key('over')], forever);
    const here = ranks.firstFailure().then(async (failure) => {
      const speaks = failure !== undefined || (await store.add(key('done'), 1)) === nodes.count;
      if (speaks && (await store.add(key('spoken'), 1)) === 1)
        await store.set(key('over'), JSON.stringify(failure ?? null));
      await elsewhere;
    });
    await Promise.race([elsewhere, here]);
    const over = JSON.parse(await store.getText(key('over'))) as Failure | null;
    if (over !== null) await ranks.end(grace);
    await here;
    return over ?? undefined;
  } catch (error) {
    // Another launcher is gone, and nothing else would end these.
    await ranks?.end(grace);
    throw error;
  } finally {
    own?.close();
  }
}

/** Runs the job; returns the exit code: 0, or that of the rank that failed first. */
export async function run(script: string, args: readonly string[], options: RunOptions): Promise<number> {
  const localSize = await processesPerNode(options.nprocPerNode);
  const maxRestarts = whole('--max-restarts', options.maxRestarts, 0);
  const grace = whole('--grace', options.grace, 0) * 1000;
  const threads = whole(
    '--threads',
    options.threads ?? String(Math.max(1, Math.floor(availableParallelism() / localSize))),
    1,
  );
  const plain = options.exec === true || !/^\.[cm]?[jt]s$/.test(extname(script));
  const late = args.find((arg) => /^--(nproc[-_]per[-_]node|nnodes|max[-_]restarts)(=|$)/.test(arg));
  if (late !== undefined) {
    console.error(`torch-clip run: ${late} is the script's own behind its name; what the launcher takes comes before`);
  }
  const command = plain ? [script, ...args] : [process.execPath, ...process.execArgv, script, ...args];
  const nodes = await meet(options);
  const worldSize = nodes.count * localSize;
  const runId = randomUUID();

  let current: Ranks | undefined;
  let signalled: NodeJS.Signals | undefined;
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    // In place of what the other commands do with signals.
    process.removeAllListeners(signal);
    process.on(signal, () => {
      signalled ??= signal;
      if (current === undefined) process.exit(128 + constants.signals[signal]);
      current.signal(signal);
      // Whatever else there is to wait for.
      setTimeout(() => process.exit(128 + constants.signals[signal]), 2 * grace + 1000).unref();
      // A second one, or a rank that pays no attention, does not keep the launcher.
      setTimeout(() => current?.signal('SIGKILL'), grace).unref();
    });
  }

  for (let attempt = 0; ; attempt++) {
    const failure = await attempted(
      nodes,
      attempt,
      (host, port) => {
        current = new Ranks(
          {
            command,
            firstRank: nodes.rank * localSize,
            localSize,
            worldSize,
            nodeRank: nodes.rank,
            nodes: nodes.count,
            host,
            port,
            attempt,
            maxRestarts,
            runId,
            threads,
            prefix: options.prefix,
          },
          options.threads === undefined ? process.env : { ...process.env, OMP_NUM_THREADS: String(threads) },
        );
        return current;
      },
      grace,
    );
    if (failure === undefined) {
      await parted(nodes);
      return 0;
    }
    if (signalled !== undefined) return failure.code;
    const { rank, pid, how, lines, code } = failure;
    const again = attempt < maxRestarts;
    const what = again ? `starting all ranks again (${attempt + 1} of ${maxRestarts})` : 'all ranks are ended';
    console.error(`torch-clip run: rank ${rank} (process ${pid ?? 'none'}) ended with ${how}; ${what}`);
    if (!again) {
      if (lines.length > 0)
        console.error(`torch-clip run: its last lines were\n${lines.map((l) => `  ${l}`).join('\n')}`);
      await parted(nodes);
      return code;
    }
  }
}

/** Node 0 keeps the store until the others have read their last word in it. */
async function parted({ store, rank, count }: Nodes): Promise<void> {
  if (store === undefined) return;
  if ((await store.add('parted', 1)) === count) await store.set('all parted', '1');
  if (rank === 0) await store.wait(['all parted'], 30).catch(() => {});
}
