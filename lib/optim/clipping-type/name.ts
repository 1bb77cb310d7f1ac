import { camelCase } from '../../camel-case.js';
import { describe, TorchClipError } from '../../errors.js';

const snakeNames = [
  'no_clip',
  'norm',
  'layer_wise',
  'coordinate_wise',
  'auto_clip',
  'linear_rand_norm',
  'quadratic_rand_norm',
  'linear_rand_autoclip',
  'quadratic_rand_autoclip',
] as const;

/** A clipping type by its original name. */
export type ClippingTypeName = (typeof snakeNames)[number];

type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

/**
 * How {@link ClippedSGD} and {@link ClippedSSTM} clip: one of the nine types of the Python package torch-clip, as it spells it or in
 * camelCase.
 */
export type ClippingType = ClippingTypeName | Camel<ClippingTypeName>;

const byName = new Map<unknown, ClippingTypeName>(
  snakeNames.flatMap((name) => [[name, name] as const, [camelCase(name), name]]),
);

/** The original name of a clipping type, or an `ERR_ARGUMENT`. */
export function clippingTypeName(value: unknown): ClippingTypeName {
  const name = byName.get(value);
  if (name === undefined) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `Invalid clipping type: ${describe(value)} ("clippingType" must be one of ${snakeNames.map(camelCase).join(', ')})`,
    );
  }
  return name;
}
