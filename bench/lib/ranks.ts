// Two processes of ours and two of Python's, each pair a group of its own: both ranks are told the same at once.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, node, python, type Variables } from './child.js';
import type { Contender } from './rounds.js';
import { apart, type First, type Pair } from './sides.js';

type Call = <T>(name: string, args?: Record<string, unknown>) => Promise<T[]>;

export const size = 2;

/** A group of processes. */
class Group {
  readonly #ranks: readonly Child[];

  constructor(
    readonly name: string,
    start: (env: Variables) => Child,
  ) {
    this.#ranks = Array.from({ length: size }, (_, rank) =>
      start({
        RANK: String(rank),
        WORLD_SIZE: String(size),
        OMP_NUM_THREADS: '1',
        BENCH_THREADS: '1',
        GLOO_SOCKET_IFNAME: 'lo',
      }),
    );
  }

  call: Call = (name, args) => Promise.all(this.#ranks.map((rank) => rank.call<never>(name, args)));

  /** The time of the slowest rank. */
  contender(name: string): Contender {
    return async (iterations, untimed) => Math.max(...(await this.call<number>('time', { name, iterations, untimed })));
  }

  async close(): Promise<void> {
    await Promise.all(this.#ranks.map((rank) => rank.close()));
  }
}

export class Groups implements Pair {
  readonly #ours = new Group('ours', (env) => node('ranks', env));
  readonly #pytorch = new Group('pytorch', (env) => python('cpu', env, 'ranks'));
  readonly #folder = mkdtempSync(join(tmpdir(), 'torch-clip-bench-'));
  #first: { ours: First; pytorch: First } = { ours: {}, pytorch: {} };

  async join(): Promise<void> {
    for (const group of [this.#ours, this.#pytorch]) await group.call('join', { path: join(this.#folder, group.name) });
  }

  async make(what: string): Promise<void> {
    const first = async (group: Group) => (await group.call<First>('make', { what }))[0]!;
    this.#first = { ours: await first(this.#ours), pytorch: await first(this.#pytorch) };
  }

  ours(name: string): Contender {
    return this.#ours.contender(name);
  }

  pytorch(name: string): Contender {
    return this.#pytorch.contender(name);
  }

  error(name: string, rival: string): number | undefined {
    return apart(this.#first.ours[name], this.#first.pytorch[rival]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#ours.close(), this.#pytorch.close()]);
    rmSync(this.#folder, { recursive: true });
  }
}
