// What launchers tell a process in its environment: who it is, how many there are, and where rank 0 listens.
import { TorchClipError } from '../errors.js';

/** @internal What a launcher has put into the environment. */
export interface Launch {
  /** Whose variables were found, for messages. */
  readonly launcher: string;
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number | undefined;
  readonly host: string;
  readonly port: number;
  /** Whether a process that is not a rank keeps the store, as torchrun's agent does. */
  readonly agentStore: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/** A launcher's variables, in the order in which the first that is set counts. */
interface Dialect {
  readonly launcher: string;
  readonly rank: readonly string[];
  readonly worldSize: readonly string[];
  readonly localRank: readonly string[];
  readonly localSize: readonly string[];
}

// Those nearest to the process come first: mpirun within a Slurm job sets both, and its own ranks are the true ones.
const dialects: readonly Dialect[] = [
  {
    launcher: 'torchrun',
    rank: ['RANK'],
    worldSize: ['WORLD_SIZE'],
    localRank: ['LOCAL_RANK'],
    localSize: ['LOCAL_WORLD_SIZE'],
  },
  {
    launcher: 'Open MPI',
    rank: ['OMPI_COMM_WORLD_RANK'],
    worldSize: ['OMPI_COMM_WORLD_SIZE'],
    localRank: ['OMPI_COMM_WORLD_LOCAL_RANK'],
    localSize: ['OMPI_COMM_WORLD_LOCAL_SIZE'],
  },
  {
    launcher: 'MPICH or Intel MPI',
    rank: ['PMI_RANK'],
    worldSize: ['PMI_SIZE'],
    localRank: ['MPI_LOCALRANKID'],
    localSize: ['MPI_LOCALNRANKS'],
  },
  {
    launcher: 'Slurm',
    rank: ['SLURM_PROCID'],
    worldSize: ['SLURM_NTASKS', 'SLURM_NPROCS'],
    localRank: ['SLURM_LOCALID'],
    localSize: [],
  },
  {
    launcher: 'an indexed job of Kubernetes',
    rank: ['JOB_COMPLETION_INDEX', 'VC_TASK_INDEX', 'VK_TASK_INDEX'],
    worldSize: ['WORLD_SIZE'],
    localRank: [],
    localSize: [],
  },
];

const defaultPort = 29500;

function numberIn(env: Env, names: readonly string[], least: number): number | undefined {
  const name = names.find((name) => env[name] !== undefined && env[name] !== '');
  if (name === undefined) return undefined;
  const text = env[name]!.trim();
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `the environment variable ${name} must be an integer >= ${least}, got ${JSON.stringify(text)}`,
    );
  }
  return Number(text);
}

/** The first host of a list as Slurm writes it: `node[007-010,12],other3` begins with `node007`. */
export function firstHost(list: string): string | undefined {
  const found = /^([^,[\]\s]+)(?:\[(\d+)[^\]]*\]([^,[\]\s]*))?/.exec(list.trim());
  return found === null ? undefined : `${found[1]}${found[2] ?? ''}${found[3] ?? ''}`;
}

function hostIn(env: Env, dialect: Dialect, worldSize: number): string | undefined {
  const given = env.MASTER_ADDR;
  if (given !== undefined && given !== '') return given;
  const nodes = env.SLURM_STEP_NODELIST ?? env.SLURM_JOB_NODELIST;
  if (dialect.launcher === 'Slurm' && nodes !== undefined) return firstHost(nodes);
  // All ranks on one host need no address.
  const localSize = numberIn(env, dialect.localSize, 1);
  return localSize === worldSize || worldSize === 1 ? '127.0.0.1' : undefined;
}

function portIn(env: Env): number {
  const given = numberIn(env, ['MASTER_PORT'], 0);
  if (given !== undefined) return given;
  // Two jobs on one node must not meet.
  const job = numberIn({ id: env.SLURM_JOB_ID?.slice(-4) }, ['id'], 0);
  return job === undefined ? defaultPort : 15_000 + job;
}

/**
 * @internal What a launcher has told, or undefined where none has.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` where variables contradict each other or one is missing.
 */
export function launchOf(env: Env): Launch | undefined {
  for (const dialect of dialects) {
    const rank = numberIn(env, dialect.rank, 0);
    const worldSize = numberIn(env, dialect.worldSize, 1);
    if (rank === undefined || worldSize === undefined) continue;
    const { launcher } = dialect;
    if (rank >= worldSize) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `the environment of ${launcher} must have a rank below the number of ranks, got rank ${rank} of ${worldSize}`,
      );
    }
    const host = hostIn(env, dialect, worldSize);
    if (host === undefined) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `the environment variable MASTER_ADDR must be the address of rank 0, got nothing, and ${launcher} does not tell it`,
      );
    }
    return {
      launcher,
      rank,
      worldSize,
      localRank: numberIn(env, dialect.localRank, 0),
      host,
      port: portIn(env),
      agentStore: env.TORCHELASTIC_USE_AGENT_STORE === 'True',
    };
  }
  return undefined;
}

const rankVariables = dialects.map(({ rank, worldSize }) => `${rank[0]} and ${worldSize[0]}`).join('; ');

/** @internal What {@link launchOf} has missed in an environment in which it has found no launcher, for the error. */
export function missedIn(env: Env): string {
  const isSet = (name: string) => env[name] !== undefined && env[name] !== '';
  for (const { rank, worldSize } of dialects) {
    const one = [...rank, ...worldSize].find(isSet);
    if (one !== undefined) return `${one} in the environment, but not ${rank.includes(one) ? worldSize[0] : rank[0]}`;
  }
  return `no launcher's variables in the environment (${rankVariables})`;
}
