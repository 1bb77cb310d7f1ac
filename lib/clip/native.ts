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

/** @internal What the engine says of a clipper. */
interface NativeClipper {
  name: string;
  /** In the order in which it wants them. */
  options: string[];
  /** What it remembers of a unit. */
  numbers: string[];
  /** Whether it multiplies by coefficients, which a coin may spare, instead of limiting elements. */
  scales: boolean;
  /** The option that is added to the norm as slack, which a stochastic clipper goes without; '' where there is none. */
  slack: string;
}

declare module '../binding/index.js' {
  interface Native {
    optimClippers(): NativeClipper[];
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

const clippers = native.optimClippers();

/** @internal The engine's clipper of a stage. */
export const clipperOf = (stage: Stage): NativeClipper => clippers.find(({ name }) => name === stage.name)!;

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
