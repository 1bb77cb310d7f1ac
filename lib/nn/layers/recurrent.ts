import { check, flag, integer, oneOf, probability } from '../../check.js';
import { invalidArgument, mustHave, TorchClipError } from '../../errors.js';
import { tensor } from '../../kinds.js';
import { empty, gru, lstm, rnnRelu, rnnTanh, zeros } from '../../ops/generated/functions.js';
import { optionsOf, type Values } from '../../options.js';
import { sameShape, shapeText } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { field, weightOf } from '../fields.js';
import { uniform_ } from '../init.js';
import { type FactoryOptions, Module } from '../module.js';
import { PackedSequence } from '../packed-sequence.js';
import { Parameter } from '../parameter.js';
import { mostLayers } from '../sized.js';
import { factoryTable } from '../tables.js';

/** Options of a recurrent network. */
export interface RecurrentOptions extends FactoryOptions {
  /** The number of stacked layers; default 1. */
  numLayers?: number;
  /** Default true. */
  bias?: boolean;
  /** Input and output are `[batch, time, features]` rather than `[time, batch, features]`; default false. */
  batchFirst?: boolean;
  /** Dropout after every layer but the last; default 0. */
  dropout?: number;
  /** Process the sequence in both directions; default false. */
  bidirectional?: boolean;
}

const layerCount = integer(1, mostLayers);
const recurrentTable = {
  numLayers: [layerCount, 1],
  bias: [flag, true],
  batchFirst: [flag, false],
  dropout: [probability, 0],
  bidirectional: [flag, false],
  ...factoryTable,
} as const;

/** The two forms that libtorch's networks have. */
interface Network<H, R> {
  (
    data: Tensor,
    batchSizes: Tensor,
    hidden: H,
    params: readonly Tensor[],
    hasBiases: boolean,
    numLayers: number,
    dropout: number,
    train: boolean,
    bidirectional: boolean,
  ): R;
  (
    input: Tensor,
    hidden: H,
    params: readonly Tensor[],
    hasBiases: boolean,
    numLayers: number,
    dropout: number,
    train: boolean,
    bidirectional: boolean,
    batchFirst: boolean,
  ): R;
}

type Weight = 'weight_ih' | 'weight_hh' | 'bias_ih' | 'bias_hh' | 'weight_hr';
type WeightName = `${Weight}_l${number}${string}`;

/**
 * What {@link RNN}, {@link LSTM} and {@link GRU} share: the weights `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, ... under PyTorch's names.
 *
 * @example
 * new nn.GRU(16, 32) instanceof nn.RNNBase; // true
 */
export abstract class RNNBase extends Module {
  [weight: `weight_${string}`]: Parameter;
  [bias: `bias_${string}`]: Parameter;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  /** Size of the output where it is projected, else 0. */
  readonly projSize: number;

  constructor(
    gates: number,
    inputSize: number,
    hiddenSize: number,
    options: Values<typeof recurrentTable>,
    projSize = 0,
  ) {
    super();
    if (new.target === (RNNBase as unknown)) {
      throw new TorchClipError('ERR_ARGUMENT', 'RNNBase is the base class of RNN, LSTM and GRU: create one of these');
    }
    const { numLayers, bias, batchFirst, dropout, bidirectional, device, dtype } = options;
    this.inputSize = check('inputSize', inputSize, integer(1));
    this.hiddenSize = check('hiddenSize', hiddenSize, integer(1));
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    if (projSize >= hiddenSize) throw invalidArgument('projSize', `less than hiddenSize (${hiddenSize})`, projSize);
    this.projSize = projSize;
    const gateSize = gates * hiddenSize;
    const outSize = projSize || hiddenSize;
    const shapes: Record<Weight, (layer: number) => number[]> = {
      weight_ih: (layer) => [gateSize, layer === 0 ? inputSize : outSize * this.directions],
      weight_hh: () => [gateSize, outSize],
      bias_ih: () => [gateSize],
      bias_hh: () => [gateSize],
      weight_hr: () => [projSize, hiddenSize],
    };
    for (const [weight, layer, name] of this.weightNames()) {
      this.registerParameter(name, new Parameter(empty(shapes[weight](layer), { device, dtype })));
    }
    this.resetParameters();
  }

  /** The names of the weights, each with what it is and its layer. */
  private weightNames(): [weight: Weight, layer: number, name: WeightName][] {
    const layers = field(this, 'numLayers', layerCount);
    const weights: Weight[] = ['weight_ih', 'weight_hh'];
    if (this.bias) weights.push('bias_ih', 'bias_hh');
    if (field(this, 'projSize', integer(0)) > 0) weights.push('weight_hr');
    const names: [Weight, number, WeightName][] = [];
    for (let layer = 0; layer < layers; layer++) {
      for (const direction of this.bidirectional ? ['', '_reverse'] : ['']) {
        for (const weight of weights) names.push([weight, layer, `${weight}_l${layer}${direction}`]);
      }
    }
    return names;
  }

  protected get directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  protected get weights(): Parameter[] {
    return this.weightNames().map(([, , name]) => weightOf(this, name));
  }

  /** Draws every weight again, uniformly up to 1 / sqrt(hiddenSize). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(field(this, 'hiddenSize', integer(1)));
    for (const weight of this.weights) uniform_(weight, { a: -bound, b: bound });
  }

  /** @internal Nothing to do: libtorch lays weights out for the GPU by itself. */
  flattenParameters(): void {}

  /**
   * Runs `step` on a batch: a sequence alone, `[time, features]`, becomes a batch of one and its results lose it again; packed
   * sequences come with their batch sizes, and their states in the order of their lengths.
   *
   * @param hidden the states given, or null for zeros; `sizes` are their last dimensions.
   */
  protected batched<X extends Tensor | PackedSequence, S extends Tensor[]>(
    input: X,
    hidden: S | null,
    sizes: readonly number[],
    step: (input: Tensor, hidden: S, batchSizes: Tensor | null) => [Tensor, ...S],
  ): [X, ...S] {
    if (input instanceof PackedSequence) return this.packed(input, hidden, sizes, step) as [X, ...S];
    const { shape } = check('input', input, tensor);
    if (shape.length !== 2 && shape.length !== 3) {
      throw mustHave('input', '2 or 3 dimensions', shape);
    }
    this.checkFeatures(input);
    const alone = shape.length === 2;
    const states = this.states(input, alone ? null : shape[this.batchFirst ? 0 : 1]!, hidden, sizes);
    if (!alone) return step(input, states, null) as [X, ...S];
    const time = this.batchFirst ? 0 : 1;
    const [output, ...rest] = step(input.unsqueeze(time), states, null);
    return [output.squeeze(time), ...rest.map((state) => state.squeeze(1))] as [X, ...S];
  }

  private packed<S extends Tensor[]>(
    { data, batchSizes, sortedIndices, unsortedIndices }: PackedSequence,
    hidden: S | null,
    sizes: readonly number[],
    step: (input: Tensor, hidden: S, batchSizes: Tensor) => [Tensor, ...S],
  ): [PackedSequence, ...S] {
    if (data.dim() !== 2) throw invalidArgument('input', 'packed vectors [vectors, features]', data.shape, 'ERR_SHAPE');
    this.checkFeatures(data);
    const order = (states: Tensor[], indices: Tensor | null) =>
      (indices === null ? states : states.map((state) => state.indexSelect(1, indices))) as S;
    const states = this.states(data, Number(batchSizes.select(0, 0).item()), hidden, sizes);
    const [output, ...rest] = step(data, order(states, sortedIndices), batchSizes);
    const packed = new PackedSequence(output, batchSizes, sortedIndices, unsortedIndices);
    return [packed, ...order(rest, unsortedIndices)];
  }

  private checkFeatures(input: Tensor): void {
    const { shape } = input;
    const size = field(this, 'inputSize', integer(1));
    if (shape.at(-1) !== size) {
      throw mustHave('input', `last dimension ${size} (inputSize)`, shape);
    }
    const { dtype } = weightOf(this, 'weight_ih_l0');
    if (input.dtype !== dtype) {
      throw mustHave('input', `the weights' dtype ${dtype.name}`, input.dtype.name, 'ERR_DTYPE');
    }
  }

  /** The states that were given, checked, or zeros; `batch` is null for a sequence alone. */
  private states<S extends Tensor[]>(
    input: Tensor,
    batch: number | null,
    hidden: S | null,
    sizes: readonly number[],
  ): S {
    const layers = field(this, 'numLayers', layerCount) * this.directions;
    return sizes.map((size, i) => {
      const expected = batch === null ? [layers, size] : [layers, batch, size];
      if (!hidden) return zeros([layers, batch ?? 1, size], { dtype: input.dtype, device: input.device });
      const given = check('hidden', hidden[i], tensor);
      if (!sameShape(given.shape, expected)) {
        throw mustHave('hidden', `shape ${shapeText(expected)}`, given.shape);
      }
      return batch === null ? given.unsqueeze(1) : given;
    }) as S;
  }

  /** Calls one of libtorch's three networks, for padded or for packed sequences. */
  protected run<H, R>(network: Network<H, R>, input: Tensor, hidden: H, batchSizes: Tensor | null): R {
    const { weights, bias, numLayers, dropout, training, bidirectional } = this;
    return batchSizes === null
      ? network(input, hidden, weights, bias, numLayers, dropout, training, bidirectional, this.batchFirst)
      : network(input, batchSizes, hidden, weights, bias, numLayers, dropout, training, bidirectional);
  }

  override extraRepr(): string {
    let text = `${this.inputSize}, ${this.hiddenSize}`;
    if (this.projSize !== 0) text += `, proj_size=${this.projSize}`;
    if (this.numLayers !== 1) text += `, num_layers=${this.numLayers}`;
    if (!this.bias) text += ', bias=False';
    if (this.batchFirst) text += ', batch_first=True';
    if (this.dropout !== 0) text += `, dropout=${this.dropout}`;
    if (this.bidirectional) text += ', bidirectional=True';
    return text;
  }
}

/** As in PyTorch; `nonlinearity` is `'tanh'` (default) or `'relu'`. */
export interface RNNOptions extends RecurrentOptions {
  /** Default `'tanh'`. */
  nonlinearity?: 'tanh' | 'relu';
}

const readRNN = optionsOf('RNN', { nonlinearity: [oneOf('tanh', 'relu'), 'tanh'], ...recurrentTable });

/**
 * Elman network: h = tanh(W_ih x + b_ih + W_hh h + b_hh).
 *
 * @example
 * const [output, hidden] = new nn.RNN(10, 20, { numLayers: 2 }).forward(torch.randn([5, 3, 10]));
 * output.shape; // [5, 3, 20]: time, batch, features
 * hidden.shape; // [2, 3, 20]: layers, batch, features
 */
export class RNN extends RNNBase {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    const read = readRNN(options, new.target.name);
    super(1, inputSize, hiddenSize, read);
    this.nonlinearity = read.nonlinearity;
  }

  /** Returns the last layer's output at every step, and every layer's last state; `hidden` is zero by default. */
  override forward(input: PackedSequence, hidden?: Tensor | null): [output: PackedSequence, hidden: Tensor];
  override forward(input: Tensor, hidden?: Tensor | null): [output: Tensor, hidden: Tensor];
  override forward(input: Tensor | PackedSequence, hidden: Tensor | null = null): [Tensor | PackedSequence, Tensor] {
    const network = this.nonlinearity === 'tanh' ? rnnTanh : rnnRelu;
    return this.batched<Tensor | PackedSequence, [Tensor]>(
      input,
      hidden && [hidden],
      [this.hiddenSize],
      (x, [h], sizes) => this.run(network, x, h, sizes),
    );
  }
}

const readLSTM = optionsOf('LSTM', { ...recurrentTable, projSize: [integer(0), 0] });

/**
 * Long short-term memory.
 *
 * @param options.projSize size of a projection of the output; default 0, none.
 *
 * @see Hochreiter and Schmidhuber 1997
 *
 * @example
 * const [output, [h, c]] = new nn.LSTM(10, 20, { batchFirst: true }).forward(torch.randn([3, 5, 10]));
 */
export class LSTM extends RNNBase {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions & { projSize?: number } = {}) {
    const read = readLSTM(options, new.target.name);
    super(4, inputSize, hiddenSize, read, read.projSize);
  }

  /** Returns the last layer's output at every step, and every layer's last state and cell; `hidden` is zero by default. */
  override forward(
    input: PackedSequence,
    hidden?: readonly [h: Tensor, c: Tensor] | null,
  ): [output: PackedSequence, [h: Tensor, c: Tensor]];
  override forward(
    input: Tensor,
    hidden?: readonly [h: Tensor, c: Tensor] | null,
  ): [output: Tensor, [h: Tensor, c: Tensor]];
  override forward(
    input: Tensor | PackedSequence,
    hidden: readonly [h: Tensor, c: Tensor] | null = null,
  ): [Tensor | PackedSequence, [h: Tensor, c: Tensor]] {
    if (hidden !== null && hidden.length !== 2) throw invalidArgument('hidden', 'a pair [h, c]', hidden);
    const sizes = [this.projSize || this.hiddenSize, this.hiddenSize];
    const given = hidden && ([...hidden] as [Tensor, Tensor]);
    const [output, h, c] = this.batched<Tensor | PackedSequence, [Tensor, Tensor]>(
      input,
      given,
      sizes,
      (x, states, batch) => this.run<readonly Tensor[], [Tensor, Tensor, Tensor]>(lstm, x, states, batch),
    );
    return [output, [h, c]];
  }
}

const readGRU = optionsOf('GRU', recurrentTable);

/**
 * Gated recurrent unit.
 *
 * @see Cho et al. 2014
 *
 * @example
 * const [output, hidden] = new nn.GRU(10, 20, { bidirectional: true }).forward(torch.randn([5, 3, 10]));
 */
export class GRU extends RNNBase {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(3, inputSize, hiddenSize, readGRU(options, new.target.name));
  }

  /** Returns the last layer's output at every step, and every layer's last state; `hidden` is zero by default. */
  override forward(input: PackedSequence, hidden?: Tensor | null): [output: PackedSequence, hidden: Tensor];
  override forward(input: Tensor, hidden?: Tensor | null): [output: Tensor, hidden: Tensor];
  override forward(input: Tensor | PackedSequence, hidden: Tensor | null = null): [Tensor | PackedSequence, Tensor] {
    return this.batched<Tensor | PackedSequence, [Tensor]>(
      input,
      hidden && [hidden],
      [this.hiddenSize],
      (x, [h], sizes) => this.run(gru, x, h, sizes),
    );
  }
}
