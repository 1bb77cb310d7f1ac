import { native } from '../binding/index.js';
import type { Handle, Tensor } from '../tensor.js';
import { placements, type Stage, scopes } from './clipper.js';

/** @internal A stage as the engine takes it. */
export type NativeStage = [
  clipper: number,
  options: Float64Array,
  scope: number,
  placement: number,
  beta: number,
  power: number,
  seed: bigint,
  tap: number,
];

declare module '../binding/index.js' {
  interface Native {
    optimClippers(): { name: string; options: string[]; numbers: string[] }[];
    // The last argument of each is only held: what an iterable makes on the way has no other owner during the call.
    clipGradNorm(
      params: Handle[],
      maxNorm: number,
      normType: number,
      errorIfNonfinite: boolean,
      held: readonly Tensor[],
    ): Handle | null;
    totalNorm(tensors: Handle[], normType: number, errorIfNonfinite: boolean, held: readonly Tensor[]): Handle | null;
    clipGradsWithNorm(params: Handle[], maxNorm: number, totalNorm: Handle, held: readonly Tensor[]): void;
    clipGradValue(params: Handle[], clipValue: number, held: readonly Tensor[]): void;
  }
}

// The engine's clippers, the order in which each wants its options, and what it remembers of a unit.
const clippers = native.optimClippers();

/** @internal The numbers that a stage's clipper remembers of each unit, by name. */
export const numbersOf = (stage: Stage): readonly string[] => clippers.find(({ name }) => name === stage.name)!.numbers;

/** @internal */
export function toNative({ name, options, scope, placement, coin, tap }: Stage): NativeStage {
  const index = clippers.findIndex((clipper) => clipper.name === name);
  return [
    index,
    Float64Array.from(clippers[index]!.options, (option) => options[option]!),
    scopes.indexOf(scope),
    placements.indexOf(placement),
    coin?.beta ?? 0,
    coin?.power ?? 0,
    BigInt(coin?.seed ?? 0),
    tap ?? 0,
  ];
}
