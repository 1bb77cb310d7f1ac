import { arrayOf, check, finitePositive, flag, instance, integer, listOf } from '../../check.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { cat } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { ModuleList, Sequential } from '../containers.js';
import { checkParts, field } from '../fields.js';
import { type FactoryOptions, Module } from '../module.js';
import { factoryTable } from '../tables.js';
import { Linear } from './linear.js';

/** Options of {@link AdaptiveLogSoftmaxWithLoss}. */
export interface AdaptiveLogSoftmaxOptions extends FactoryOptions {
  /** How many times fewer features each cluster has than the one before; default 4. */
  divValue?: number;
  /** Whether the head has a bias; default false. */
  headBias?: boolean;
}

const clusters = instance(ModuleList, 'a ModuleList');
const linear = instance(Linear, 'a Linear');
const readAdaptive = optionsOf('AdaptiveLogSoftmaxWithLoss', {
  divValue: [finitePositive, 4],
  headBias: [flag, false],
  ...factoryTable,
});

/**
 * A softmax over many classes that computes rare ones in clusters of fewer features: `[n, inFeatures]` and classes `[n]` (int64).
 *
 * Classes are to be sorted by how often they occur, the commonest first.
 *
 * @param cutoffs where the clusters begin, ascending; the classes before the first are in the head.
 *
 * @example
 * const softmax = new nn.AdaptiveLogSoftmaxWithLoss(16, 1000, [10, 100]);
 * const [output, loss] = softmax.forward(torch.randn([8, 16]), torch.randint(0, 1000, [8]));
 *
 * @see Grave et al. 2017
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly inFeatures: number;
  readonly nClasses: number;
  /** With `nClasses` at the end. */
  readonly cutoffs: readonly number[];
  readonly divValue: number;
  readonly headBias: boolean;
  head: Linear;
  tail: ModuleList<Sequential<[Linear, Linear]>>;

  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    options: AdaptiveLogSoftmaxOptions = {},
  ) {
    super();
    const { divValue, headBias, device, dtype } = readAdaptive(options, new.target.name);
    this.inFeatures = check('inFeatures', inFeatures, integer(1));
    this.nClasses = check('nClasses', nClasses, integer(2));
    const ends = [...check('cutoffs', cutoffs, arrayOf(integer(1, nClasses - 1)))];
    if (ends.length === 0 || ends.some((end, i) => i > 0 && end <= ends[i - 1]!)) {
      throw invalidArgument('cutoffs', 'one or more integers in ascending order', ends);
    }
    this.cutoffs = [...ends, nClasses];
    this.divValue = divValue;
    this.headBias = headBias;
    this.head = new Linear(inFeatures, ends[0]! + ends.length, { bias: headBias, device, dtype });
    const factory = { bias: false, device, dtype };
    this.tail = new ModuleList(
      ends.map((end, i) => {
        const hidden = Math.floor(inFeatures / divValue ** (i + 1));
        const size = this.cutoffs[i + 1]! - end;
        return new Sequential(new Linear(inFeatures, hidden, factory), new Linear(hidden, size, factory));
      }),
    );
  }

  /** Draws all weights again. */
  resetParameters(): void {
    const head = field(this, 'head', linear);
    const tail = [...field(this, 'tail', clusters)] as Iterable<unknown>[];
    const layers = [head, ...tail.flatMap((cluster, i) => listOf(`tail[${i}]`, cluster, linear))];
    for (const layer of layers) layer.resetParameters();
  }

  private checkFields(): void {
    checkParts(this, 'head');
    field(this, 'tail', clusters);
    field(this, 'nClasses', integer(2));
    field(this, 'cutoffs', arrayOf(integer(1)));
  }

  /**
   * @returns the log-probabilities of the targets, `[n]`, and minus their mean.
   * @throws {TorchClipError} `ERR_INDEX` for a target that is not a class.
   */
  override forward(input: Tensor, target: Tensor): [output: Tensor, loss: Tensor] {
    this.checkFields();
    const [shape, targets] = [check('input', input, tensor).shape, check('target', target, tensor).shape];
    if (targets.length > 1) throw mustHave('target', 'at most 1 dimension', targets);
    if (shape.length !== targets.length + 1 || (targets.length === 1 && shape[0] !== targets[0])) {
      const expected = targets.length === 0 ? '1 dimension' : `shape [${targets[0]}, ${this.inFeatures}]`;
      throw mustHave('input', `${expected} for that target`, shape);
    }
    if (targets.length === 0) {
      const [output, loss] = this.forward(input.unsqueeze(0), target.unsqueeze(0));
      return [output.squeeze(0), loss];
    }
    const [least, most] = target.numel() === 0 ? [0, 0] : target.aminmax().map((t) => Number(t.item()));
    if (least! < 0 || most! >= this.nClasses) {
      throw invalidArgument('target', `classes from 0 to ${this.nClasses - 1}`, [least, most], 'ERR_INDEX');
    }
    const first = this.cutoffs[0]!;
    const output = input.newZeros([shape[0]!]);
    const heads = target.clone();
    this.tail.children().forEach((cluster, i) => {
      const [low, high] = [this.cutoffs[i]!, this.cutoffs[i + 1]!];
      const rows = target.ge(low).logicalAnd(target.lt(high)).nonzero().reshape([-1]);
      if (rows.numel() === 0) return;
      const within = target.indexSelect(0, rows).sub(low);
      const logProb = (cluster as Sequential<[Linear, Linear]>).forward(input.indexSelect(0, rows)).logSoftmax(1);
      output.indexCopy_(0, rows, logProb.gather(1, within.unsqueeze(1)).squeeze(1));
      heads.indexFill_(0, rows, first + i);
    });
    const all = output.add(this.head.forward(input).logSoftmax(1).gather(1, heads.unsqueeze(1)).squeeze(1));
    return [all, all.neg().mean()];
  }

  /** The log-probabilities of all classes: `[n, inFeatures]` to `[n, nClasses]`. */
  logProb(input: Tensor): Tensor {
    this.checkFields();
    const head = this.head.forward(check('input', input, tensor)).logSoftmax(1);
    const first = this.cutoffs[0]!;
    const rare = [...this.tail].map((cluster, i) =>
      cluster
        .forward(input)
        .logSoftmax(1)
        .add(head.narrow(1, first + i, 1)),
    );
    return cat([head.narrow(1, 0, first), ...rare], 1);
  }

  /** The likeliest class of each row, `[n]`: that of {@link logProb}, which is computed only for rows whose head names a cluster. */
  predict(input: Tensor): Tensor {
    this.checkFields();
    const chosen = this.head.forward(check('input', input, tensor)).argmax({ dim: 1 });
    const rows = chosen.ge(this.cutoffs[0]!).nonzero().reshape([-1]);
    if (rows.numel() === 0) return chosen;
    return chosen.indexCopy(0, rows, this.logProb(input.indexSelect(0, rows)).argmax({ dim: 1 }));
  }
}
