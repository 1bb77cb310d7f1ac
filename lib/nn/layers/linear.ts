import { check, flag, integer } from '../../check.js';
import { empty } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { linear } from '../functional/index.js';
import { fans, kaimingUniform_, uniform_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import * as print from '../print.js';
import { factoryTable } from '../tables.js';

const readLinear = optionsOf('Linear', { bias: [flag, true], ...factoryTable });

/**
 * y = x W' + b: `[..., inFeatures]` to `[..., outFeatures]`.
 *
 * @param options.bias whether there is a b; default true.
 *
 * @example
 * new nn.Linear(10, 5).forward(torch.randn([20, 10])).shape; // [20, 5]
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** `[outFeatures, inFeatures]`. */
  declare weight: Parameter;
  /** `[outFeatures]`, or null. */
  declare bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: FactoryOptions & { bias?: boolean } = {}) {
    super();
    const { bias, device, dtype } = readLinear(options, new.target.name);
    this.inFeatures = check('inFeatures', inFeatures, integer(0));
    this.outFeatures = check('outFeatures', outFeatures, integer(0));
    this.registerParameter('weight', new Parameter(empty([outFeatures, inFeatures], { device, dtype })));
    this.registerParameter('bias', bias ? new Parameter(empty([outFeatures], { device, dtype })) : null);
    this.resetParameters();
  }

  /** Draws weight and bias again, uniformly up to 1 / sqrt(inFeatures). */
  resetParameters(): void {
    resetWeightAndBias(this.weight, this.bias);
  }

  override forward(input: Tensor): Tensor {
    return linear(input, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${print.bool(this.bias !== null)}`;
  }
}

/** PyTorch's draws for linear and convolution layers: the weight, then the bias. */
export function resetWeightAndBias(weight: Parameter, bias: Parameter | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  if (!bias) return;
  const { fanIn } = fans(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  uniform_(bias, { a: -bound, b: bound });
}
