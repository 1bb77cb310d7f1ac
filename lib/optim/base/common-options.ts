import { flag, instance, integer, oneOf, orNull } from '../../check.js';
import { Clipper } from '../../clip/clipper.js';
import { engine } from '../../engine.js';
import { TorchClipError } from '../../errors.js';
import { isPlainObject, optionsOf, readAll, unknownOption } from '../../options.js';
import { type Definition, ignoredOptions } from '../engine/definition.js';

/** What a step does with gradients that hold NaN or inf. */
export type NonFinite = 'propagate' | 'skip' | 'zero' | 'error';

const policies = engine.policies as readonly NonFinite[];

/** Options of every optimizer beside those of its groups. */
export interface CommonOptions {
  /** How gradients are clipped on their way into the step, or null for not at all; default null. */
  clip?: Clipper | null;
  /**
   * What to do when some gradient is NaN or inf; default `'skip'` with `clip`, else `'propagate'`.
   * `'skip'`: leave parameters and all state as they are and count the step as skipped.
   * `'propagate'`: compute as PyTorch does.
   * `'zero'`: treat those elements as 0.
   * `'error'`: throw `ERR_NONFINITE` and change nothing.
   *
   * What the forward pass has written is written, whatever the step does: the running statistics of BatchNorm hold the NaN of their batch.
   */
  nonFinite?: NonFinite;
  /** `step` throws `ERR_NONFINITE` when it has skipped more often than this in a row; default 100. */
  maxConsecutiveSkips?: number;
  /** Store the clipped gradients in `grad`, for code that reads them after the step; default false. */
  writeBack?: boolean;
  /** Ignored, as every step is fused; default null. */
  fused?: boolean | null;
  /** Ignored, as every step is fused; default null. */
  foreach?: boolean | null;
  /** Ignored, as a graph can capture every step; default false. */
  capturable?: boolean;
  /** Only false, the default: autograd does not see a fused step. */
  differentiable?: false;
}

const commonTable = {
  clip: [{ ...orNull(instance(Clipper, 'a Clipper')), expected: 'a Clipper, such as clip.norm(1), or null' }, null],
  nonFinite: [oneOf(...policies), undefined],
  maxConsecutiveSkips: [integer(0), 100],
  writeBack: [flag, false],
} as const;

/** @internal The options of every optimizer, checked, and those of groups. */
export function splitOptions<G>(definition: Definition<G>, options: unknown, engine: boolean) {
  const read = readAll(definition.name, options, definition.options);
  const known = [...Object.keys(definition.options), ...(engine ? Object.keys(commonTable) : [])];
  const unknown = Object.keys(read).find((name) => !known.includes(name) && !ignoredOptions.includes(name as never));
  if (unknown !== undefined) throw unknownOption(definition.name, unknown, known);
  const { clip, nonFinite, maxConsecutiveSkips, writeBack, ...own } = read;
  return { common: readCommon({ clip, nonFinite, maxConsecutiveSkips, writeBack }, definition.name), own };
}

const readCommon = optionsOf('an optimizer', commonTable);

/** @internal What an optimizer with a step of its own has no use for: the engine's options. */
export function refuseCommon(name: string, options: unknown): void {
  const given = isPlainObject(options) && Object.keys(commonTable).find((option) => Object.hasOwn(options, option));
  if (given === false || given === undefined) return;
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `${name} has no option "${given}": it takes its steps itself; clip gradients before them, by nn.utils.clipGradNorm_ for example`,
  );
}
