import { type EngineClipper, engine } from '../engine.js';
import type { Placement, Stage, StageScope } from './clipper.js';

/** @internal A stage as the engine takes it. */
export interface NativeStage {
  clipper: string;
  options: Readonly<Record<string, number>>;
  scope: StageScope;
  placement: Placement;
  beta: number;
  /** 0: every decision is applied. */
  power: number;
  seed: bigint;
  /** How many of the last norms are kept. */
  tap: number;
}

const clippers = new Map(engine.clippers.map((clipper) => [clipper.name, clipper]));

/** @internal The engine's clipper of a stage. */
export const clipperOf = (stage: Stage): EngineClipper => clippers.get(stage.name)!;

/** @internal */
export const toNative = ({ name, options, scope, placement, coin, tap = 0 }: Stage): NativeStage => ({
  clipper: name,
  options,
  scope,
  placement,
  beta: coin?.beta ?? 0,
  power: coin?.power ?? 0,
  seed: BigInt(coin?.seed ?? 0),
  tap,
});
