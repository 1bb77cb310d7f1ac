import { check, flag, integer, oneOf } from '../../check.js';
import { invalidArgument, mustHave } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { empty, gruCell, lstmCell, rnnReluCell, rnnTanhCell, zeros } from '../../ops/generated/functions.js';
import { optionsOf } from '../../options.js';
import type { Tensor } from '../../tensor.js';
import { field } from '../fields.js';
import { uniform_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { factoryTable } from '../tables.js';

/** Options of a recurrent cell. */
export interface CellOptions extends FactoryOptions {
  /** Default true. */
  bias?: boolean;
}

const cellTable = { bias: [flag, true], ...factoryTable } as const;
const readCell = optionsOf('Cell', cellTable);

/** What the cells share: the weights under PyTorch's names. */
abstract class RNNCellBase extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly bias: boolean;
  /** `[gates * hiddenSize, inputSize]`. */
  declare weight_ih: Parameter;
  /** `[gates * hiddenSize, hiddenSize]`. */
  declare weight_hh: Parameter;
  /** `[gates * hiddenSize]`, or null. */
  declare bias_ih: Parameter | null;
  declare bias_hh: Parameter | null;

  constructor(gates: number, inputSize: number, hiddenSize: number, options: CellOptions, owner: string) {
    super();
    const { bias, device, dtype } = readCell(options, owner);
    this.inputSize = check('inputSize', inputSize, integer(1));
    this.hiddenSize = check('hiddenSize', hiddenSize, integer(1));
    this.bias = bias;
    const make = (shape: number[]) => new Parameter(empty(shape, { device, dtype }));
    this.registerParameter('weight_ih', make([gates * hiddenSize, inputSize]));
    this.registerParameter('weight_hh', make([gates * hiddenSize, hiddenSize]));
    this.registerParameter('bias_ih', bias ? make([gates * hiddenSize]) : null);
    this.registerParameter('bias_hh', bias ? make([gates * hiddenSize]) : null);
    this.resetParameters();
  }

  /** Draws every weight again, uniformly up to 1 / sqrt(hiddenSize). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(field(this, 'hiddenSize', integer(1)));
    for (const weight of this.parameters()) uniform_(weight, { a: -bound, b: bound });
  }

  /** Runs `step` on a batch, where an input `[inputSize]` is a batch of one; states that are not given are zero. */
  protected batched<S extends Tensor[]>(
    input: Tensor,
    hidden: S | null,
    count: number,
    step: (input: Tensor, hidden: S) => Tensor[],
  ): S {
    const { shape, dtype, device } = check('input', input, tensor);
    if (shape.length !== 1 && shape.length !== 2) {
      throw mustHave('input', '1 or 2 dimensions', shape);
    }
    const alone = shape.length === 1;
    const rows = alone ? input.unsqueeze(0) : input;
    const size = field(this, 'hiddenSize', integer(1));
    const expected = alone ? [size] : [shape[0]!, size];
    const states = Array.from({ length: count }, (_, i) => {
      if (hidden === null) return zeros([rows.shape[0]!, size], { dtype, device });
      const given = check('hidden', hidden[i], tensor);
      if (String(given.shape) !== String(expected)) {
        throw mustHave('hidden', `shape [${expected.join(', ')}]`, given.shape);
      }
      return alone ? given.unsqueeze(0) : given;
    }) as S;
    const results = step(rows, states);
    return (alone ? results.map((t) => t.squeeze(0)) : results) as S;
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias ? '' : ', bias=False'}`;
  }
}

const readRNNCell = optionsOf('RNNCell', { ...cellTable, nonlinearity: [oneOf('tanh', 'relu'), 'tanh'] });

/**
 * One step of an Elman network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).
 *
 * @param options.nonlinearity `'tanh'` (default) or `'relu'`.
 *
 * @example
 * const cell = new nn.RNNCell(10, 20);
 * let h: Tensor | null = null;
 * for (const x of inputs) h = cell.forward(x, h);
 */
export class RNNCell extends RNNCellBase {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: CellOptions & { nonlinearity?: 'tanh' | 'relu' } = {}) {
    const { nonlinearity, ...rest } = readRNNCell(options, new.target.name);
    super(1, inputSize, hiddenSize, rest, new.target.name);
    this.nonlinearity = nonlinearity;
  }

  /** The next state of `[batch, inputSize]` or `[inputSize]`; `hidden` is zero by default. */
  override forward(input: Tensor, hidden: Tensor | null = null): Tensor {
    const step = this.nonlinearity === 'tanh' ? rnnTanhCell : rnnReluCell;
    return this.batched<[Tensor]>(input, hidden && [hidden], 1, (x, [h]) => [
      step(x, h, this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh),
    ])[0];
  }

  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`}`;
  }
}

/**
 * One step of a long short-term memory.
 *
 * @see Hochreiter and Schmidhuber 1997
 *
 * @example
 * const [h, c] = new nn.LSTMCell(10, 20).forward(torch.randn([3, 10]));
 */
export class LSTMCell extends RNNCellBase {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(4, inputSize, hiddenSize, options, new.target.name);
  }

  /** The next state and cell of `[batch, inputSize]` or `[inputSize]`; `hidden` is zero by default. */
  override forward(input: Tensor, hidden: readonly [h: Tensor, c: Tensor] | null = null): [h: Tensor, c: Tensor] {
    if (hidden !== null && (!Array.isArray(hidden) || hidden.length !== 2)) {
      throw invalidArgument('hidden', 'a pair [h, c]', hidden);
    }
    return this.batched<[Tensor, Tensor]>(input, hidden && [hidden[0], hidden[1]], 2, (x, states) =>
      lstmCell(x, states, this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh),
    );
  }
}

/**
 * One step of a gated recurrent unit.
 *
 * @see Cho et al. 2014
 *
 * @example
 * const h = new nn.GRUCell(10, 20).forward(torch.randn([3, 10]));
 */
export class GRUCell extends RNNCellBase {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(3, inputSize, hiddenSize, options, new.target.name);
  }

  /** The next state of `[batch, inputSize]` or `[inputSize]`; `hidden` is zero by default. */
  override forward(input: Tensor, hidden: Tensor | null = null): Tensor {
    return this.batched<[Tensor]>(input, hidden && [hidden], 1, (x, [h]) => [
      gruCell(x, h, this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh),
    ])[0];
  }
}
