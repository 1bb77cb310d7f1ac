// Our process and PyTorch's for what bench/node/small.ts and bench/python/small.py both have; both are told what to make and what to call.
import { type Child, node, python } from './child.js';
import type { Contender } from './rounds.js';

/** What the first calls of each case come to. */
export type First = Record<string, number[]>;

/** Both sides of a comparison. */
export interface Pair {
  ours(name: string): Contender;
  pytorch(name: string): Contender;
  /** How far our first results are from PyTorch's, relative to the largest; undefined where none are to be compared. */
  error(name: string, rival: string): number | undefined;
  /** The share of our time in JavaScript. */
  share?(name: string, iterations: number): Promise<number>;
}

export function apart(ours: readonly number[] | undefined, theirs: readonly number[] | undefined): number | undefined {
  if (ours === undefined) return undefined;
  const differences = ours.map((value, i) => Math.abs(value - theirs![i]!));
  return Math.max(...differences) / Math.max(...theirs!.map(Math.abs));
}

export class Sides implements Pair {
  readonly #ours = node('small');
  readonly #pytorch = python();
  #first: { ours: First; pytorch: First } = { ours: {}, pytorch: {} };

  async make(what: string, options: object = {}): Promise<void> {
    const make = (side: Child) => side.call<First>('make', { what, ...options });
    this.#first = { ours: await make(this.#ours), pytorch: await make(this.#pytorch) };
  }

  ours(name: string): Contender {
    return (iterations, untimed) => this.#ours.call('small', { name, iterations, untimed });
  }

  pytorch(name: string): Contender {
    return (iterations, untimed) => this.#pytorch.call('small', { name, iterations, untimed });
  }

  error(name: string, rival: string): number | undefined {
    return apart(this.#first.ours[name], this.#first.pytorch[rival]);
  }

  share(name: string, iterations: number): Promise<number> {
    return this.#ours.call('share', { name, iterations });
  }

  async close(): Promise<void> {
    await this.#ours.close();
    await this.#pytorch.close();
  }
}
