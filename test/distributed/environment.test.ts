// What the variables of launchers come to.
import { expect } from 'chai';
import { firstHost, launchOf, missedIn } from '../../lib/distributed/environment.js';
import { refusalOf } from '../support.js';

type Env = Record<string, string>;

const found: [string, Env, object | undefined][] = [
  ['nothing', {}, undefined],
  [
    'torchrun',
    {
      RANK: '3',
      WORLD_SIZE: '4',
      LOCAL_RANK: '1',
      MASTER_ADDR: 'a',
      MASTER_PORT: '1',
      TORCHELASTIC_USE_AGENT_STORE: 'True',
    },
    { launcher: 'torchrun', rank: 3, worldSize: 4, localRank: 1, host: 'a', port: 1, agentStore: true },
  ],
  [
    "a training operator's pod",
    { RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: 'job-master-0', MASTER_PORT: '23456', PET_NNODES: '2' },
    {
      launcher: 'torchrun',
      rank: 0,
      worldSize: 2,
      localRank: undefined,
      host: 'job-master-0',
      port: 23456,
      agentStore: false,
    },
  ],
  [
    'an indexed job of Kubernetes',
    { JOB_COMPLETION_INDEX: '5', WORLD_SIZE: '8', MASTER_ADDR: 'job-0.service' },
    {
      launcher: 'an indexed job of Kubernetes',
      rank: 5,
      worldSize: 8,
      localRank: undefined,
      host: 'job-0.service',
      port: 29500,
      agentStore: false,
    },
  ],
  [
    'Slurm',
    {
      SLURM_PROCID: '9',
      SLURM_NTASKS: '16',
      SLURM_LOCALID: '1',
      SLURM_STEP_NODELIST: 'gpu[07-08,11]',
      SLURM_JOB_ID: '1234567',
    },
    { launcher: 'Slurm', rank: 9, worldSize: 16, localRank: 1, host: 'gpu07', port: 19567, agentStore: false },
  ],
  [
    'mpirun of Open MPI within Slurm',
    {
      SLURM_PROCID: '0',
      SLURM_NTASKS: '1',
      OMPI_COMM_WORLD_RANK: '2',
      OMPI_COMM_WORLD_SIZE: '4',
      OMPI_COMM_WORLD_LOCAL_RANK: '2',
      OMPI_COMM_WORLD_LOCAL_SIZE: '4',
    },
    { launcher: 'Open MPI', rank: 2, worldSize: 4, localRank: 2, host: '127.0.0.1', port: 29500, agentStore: false },
  ],
  [
    'mpiexec of Intel MPI',
    { PMI_RANK: '1', PMI_SIZE: '2', MPI_LOCALRANKID: '0', MASTER_ADDR: 'n1', MASTER_PORT: '7' },
    { launcher: 'MPICH or Intel MPI', rank: 1, worldSize: 2, localRank: 0, host: 'n1', port: 7, agentStore: false },
  ],
];

const refused: [Env, string][] = [
  [
    { RANK: '2', WORLD_SIZE: '2', MASTER_ADDR: 'a' },
    'the environment of torchrun must have a rank below the number of ranks, got rank 2 of 2',
  ],
  [{ RANK: '-1', WORLD_SIZE: '2' }, 'the environment variable RANK must be an integer >= 0, got "-1"'],
  [{ RANK: '0', WORLD_SIZE: '0' }, 'the environment variable WORLD_SIZE must be an integer >= 1, got "0"'],
  [{ RANK: 'x', WORLD_SIZE: '2' }, 'the environment variable RANK must be an integer >= 0, got "x"'],
  [
    { PMI_RANK: '0', PMI_SIZE: '2' },
    'the environment variable MASTER_ADDR must be the address of rank 0, got nothing, and MPICH or Intel MPI does not tell it',
  ],
  [
    { RANK: '0', WORLD_SIZE: '1', MASTER_PORT: 'http' },
    'the environment variable MASTER_PORT must be an integer >= 0, got "http"',
  ],
];

describe("a launcher's environment", () => {
  for (const [name, env, launch] of found) {
    it(`is understood: ${name}`, () => expect(launchOf(env)).deep.equal(launch));
  }
  for (const [env, message] of refused) {
    it(`is refused: ${JSON.stringify(env)}`, () => {
      const error = refusalOf(() => launchOf(env));
      expect([error.code, error.message]).deep.equal(['ERR_ARGUMENT', message]);
    });
  }
  it('is missed in a sentence where half of it is there', () => {
    const halves: [Env, string][] = [
      [{ RANK: '0' }, 'RANK in the environment, but not WORLD_SIZE'],
      [{ WORLD_SIZE: '2', RANK: '' }, 'WORLD_SIZE in the environment, but not RANK'],
      [{ SLURM_NPROCS: '2' }, 'SLURM_NPROCS in the environment, but not SLURM_PROCID'],
      [{ VC_TASK_INDEX: '2' }, 'VC_TASK_INDEX in the environment, but not WORLD_SIZE'],
    ];
    for (const [env, message] of halves) {
      expect(launchOf(env)).equal(undefined);
      expect(missedIn(env)).equal(message);
    }
    expect(missedIn({})).match(/^no launcher's variables in the environment \(RANK and WORLD_SIZE; OMPI_/);
  });
  it('names the first of the hosts that Slurm lists', () => {
    const lists = { n1: 'n1', 'n[1-3]': 'n1', 'n[007,9]-ib,m2': 'n007-ib', 'a-b-3,c': 'a-b-3', '': undefined };
    for (const [list, host] of Object.entries(lists)) expect(firstHost(list), list).equal(host);
  });
});
