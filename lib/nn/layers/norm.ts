import { check, elementsOf, finiteNonNegative, flag, integer, orNull } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { groupNorm, layerNorm, rmsNorm } from '../functional/index.js';
import { ones_, zeros_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { factoryTable } from '../tables.js';

/** Options of a normalisation over the last dimensions. */
export interface LayerNormOptions extends FactoryOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Whether there are a weight and a bias; default true. */
  elementwiseAffine?: boolean;
  /** Whether there is a bias beside the weight; default true. */
  bias?: boolean;
}

const readLayerNorm = optionsOf('LayerNorm', {
  eps: [finiteNonNegative, 1e-5],
  elementwiseAffine: [flag, true],
  bias: [flag, true],
  ...factoryTable,
});

/**
 * Centres and scales each sample over its last dimensions, which must be `normalizedShape`.
 *
 * @example
 * new nn.LayerNorm(64).forward(torch.randn([8, 10, 64]));
 * @see Ba et al. 2016
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly elementwiseAffine: boolean;
  /** `normalizedShape`, or null. */
  declare weight: Parameter | null;
  declare bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const { eps, elementwiseAffine, bias, device, dtype } = readLayerNorm(options, new.target.name);
    this.normalizedShape = shapeOf(normalizedShape);
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    const make = () => new Parameter(empty(this.normalizedShape, { device, dtype }));
    this.registerParameter('weight', elementwiseAffine ? make() : null);
    this.registerParameter('bias', elementwiseAffine && bias ? make() : null);
    this.resetParameters();
  }

  /** Sets the weight to 1 and the bias to 0. */
  resetParameters(): void {
    if (this.weight) ones_(this.weight);
    if (this.bias) zeros_(this.bias);
  }

  override forward(input: Tensor): Tensor {
    return layerNorm(input, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    const affine = `elementwise_affine=${print.bool(this.elementwiseAffine)}, bias=${print.bool(this.bias !== null)}`;
    return `${print.size(this.normalizedShape)}, eps=${print.float(this.eps)}, ${affine}`;
  }
}

const readRMSNorm = optionsOf('RMSNorm', {
  eps: [orNull(finiteNonNegative), null],
  elementwiseAffine: [flag, true],
  ...factoryTable,
});

/**
 * Divides each sample by the root mean square of its last dimensions, which must be `normalizedShape`.
 *
 * @param options.eps added to the mean square; default the dtype's machine epsilon.
 *
 * @example
 * new nn.RMSNorm(64).forward(torch.randn([8, 10, 64]));
 * @see Zhang and Sennrich 2019
 */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  readonly elementwiseAffine: boolean;
  /** `normalizedShape`, or null. */
  declare weight: Parameter | null;

  constructor(
    normalizedShape: number | readonly number[],
    options: FactoryOptions & { eps?: number | null; elementwiseAffine?: boolean } = {},
  ) {
    super();
    const { eps, elementwiseAffine, device, dtype } = readRMSNorm(options, new.target.name);
    this.normalizedShape = shapeOf(normalizedShape);
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.registerParameter(
      'weight',
      elementwiseAffine ? new Parameter(empty(this.normalizedShape, { device, dtype })) : null,
    );
    this.resetParameters();
  }

  /** Sets the weight to 1. */
  resetParameters(): void {
    if (this.weight) ones_(this.weight);
  }

  override forward(input: Tensor): Tensor {
    return rmsNorm(input, this.normalizedShape, this.weight, this.eps);
  }

  override extraRepr(): string {
    const eps = this.eps === null ? 'None' : print.float(this.eps);
    return `${print.size(this.normalizedShape)}, eps=${eps}, elementwise_affine=${print.bool(this.elementwiseAffine)}`;
  }
}

const readGroupNorm = optionsOf('GroupNorm', {
  eps: [finiteNonNegative, 1e-5],
  affine: [flag, true],
  bias: [flag, true],
  ...factoryTable,
});

/**
 * Centres and scales each of `numGroups` groups of the channels in dimension 1.
 *
 * @example
 * new nn.GroupNorm(4, 16).forward(torch.randn([8, 16, 32, 32]));
 * @see Wu and He 2018
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly affine: boolean;
  /** `[numChannels]`, or null. */
  declare weight: Parameter | null;
  declare bias: Parameter | null;

  constructor(
    numGroups: number,
    numChannels: number,
    options: FactoryOptions & { eps?: number; affine?: boolean; bias?: boolean } = {},
  ) {
    super();
    const { eps, affine, bias, device, dtype } = readGroupNorm(options, new.target.name);
    this.numGroups = check('numGroups', numGroups, integer(1));
    this.numChannels = check('numChannels', numChannels, integer(1));
    if (numChannels % numGroups !== 0) throw invalidArgument('numChannels', `a multiple of ${numGroups}`, numChannels);
    this.eps = eps;
    this.affine = affine;
    const make = () => new Parameter(empty([numChannels], { device, dtype }));
    this.registerParameter('weight', affine ? make() : null);
    this.registerParameter('bias', affine && bias ? make() : null);
    this.resetParameters();
  }

  /** Sets the weight to 1 and the bias to 0. */
  resetParameters(): void {
    if (this.weight) ones_(this.weight);
    if (this.bias) zeros_(this.bias);
  }

  override forward(input: Tensor): Tensor {
    return groupNorm(input, this.numGroups, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    const affine = `affine=${print.bool(this.affine)}, bias=${print.bool(this.bias !== null)}`;
    return `${this.numGroups}, ${this.numChannels}, eps=${print.float(this.eps)}, ${affine}`;
  }
}

function shapeOf(value: number | readonly number[]): number[] {
  const shape = typeof value === 'number' ? [value] : value;
  if (!Array.isArray(shape) || shape.length === 0) {
    throw invalidArgument('normalizedShape', 'a number or an array of numbers', value);
  }
  return elementsOf<unknown>(shape).map((n) => check('normalizedShape', n, integer(1)));
}
