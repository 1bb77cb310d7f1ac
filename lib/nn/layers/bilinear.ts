import { check, flag, integer } from '../../check.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { field } from '../fields.js';
import { bilinear } from '../functional/index.js';
import { uniform_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { factoryTable } from '../tables.js';

const readBilinear = optionsOf('Bilinear', { bias: [flag, true], ...factoryTable });

/**
 * y = x1' W x2 + b: `[..., in1Features]` and `[..., in2Features]` to `[..., outFeatures]`.
 *
 * @param options.bias whether there is a b; default true.
 *
 * @example
 * new nn.Bilinear(20, 30, 40).forward(torch.randn([128, 20]), torch.randn([128, 30])).shape; // [128, 40]
 */
export class Bilinear extends Module {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  /** `[outFeatures, in1Features, in2Features]`. */
  declare weight: Parameter;
  /** `[outFeatures]`, or null. */
  declare bias: Parameter | null;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    options: FactoryOptions & { bias?: boolean } = {},
  ) {
    super();
    const { bias, device, dtype } = readBilinear(options, new.target.name);
    this.in1Features = check('in1Features', in1Features, integer(1));
    this.in2Features = check('in2Features', in2Features, integer(0));
    this.outFeatures = check('outFeatures', outFeatures, integer(0));
    this.registerParameter('weight', new Parameter(empty([outFeatures, in1Features, in2Features], { device, dtype })));
    this.registerParameter('bias', bias ? new Parameter(empty([outFeatures], { device, dtype })) : null);
    this.resetParameters();
  }

  /** Draws weight and bias again, uniformly up to 1 / sqrt(in1Features). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(field(this, 'in1Features', integer(1)));
    uniform_(this.weight, { a: -bound, b: bound });
    if (this.bias) uniform_(this.bias, { a: -bound, b: bound });
  }

  override forward(input1: Tensor, input2: Tensor): Tensor {
    return bilinear(input1, input2, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures } = this;
    return `in1_features=${in1Features}, in2_features=${in2Features}, out_features=${outFeatures}, bias=${print.bool(this.bias !== null)}`;
  }
}
