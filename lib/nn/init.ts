import { noGrad } from '../autograd/index.js';
import { check, finite, integer, number, oneOf, probability } from '../check.js';
import { invalidArgument, mustHave } from '../errors.js';
import { generator as generatorKind, tensor as tensorKind } from '../kinds.js';
import { randperm } from '../ops/generated/functions.js';
import { qr } from '../ops/generated/linalg.js';
import { optionsOf, type Values } from '../options.js';
import type { Tensor } from '../tensor.js';
import type { RandomOptions } from './random-options.js';

export type { RandomOptions } from './random-options.js';
export { type TruncatedNormalOptions, truncNormal_ } from './truncated-normal.js';

/** A function after which weights come, by PyTorch's name. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu';

/** Which side's number of connections scales the weights: `fan_in` keeps the variance forward, `fan_out` backward. */
export type FanMode = 'fan_in' | 'fan_out';

const gains = new Map<Nonlinearity, number>([
  ['linear', 1],
  ['conv1d', 1],
  ['conv2d', 1],
  ['conv3d', 1],
  ['conv_transpose1d', 1],
  ['conv_transpose2d', 1],
  ['conv_transpose3d', 1],
  ['sigmoid', 1],
  ['tanh', 5 / 3],
  ['relu', Math.sqrt(2)],
  ['selu', 3 / 4],
]);
const nonlinearities = oneOf<Nonlinearity>(...gains.keys(), 'leaky_relu');

/**
 * The factor that keeps a signal's variance through a nonlinearity.
 *
 * @param param the negative slope of `leaky_relu`; default 0.01.
 *
 * @example
 * nn.init.calculateGain('relu'); // 1.4142
 */
export function calculateGain(nonlinearity: Nonlinearity, param?: number | null): number {
  check('nonlinearity', nonlinearity, nonlinearities);
  const slope = check('param', param ?? 0.01, finite);
  return gains.get(nonlinearity) ?? Math.sqrt(2 / (1 + slope * slope));
}

const randomTable = { generator: [generatorKind, undefined] } as const;
const readUniform = optionsOf('uniform_()', { a: [number, 0], b: [number, 1], ...randomTable });

/**
 * Fills `tensor` from the uniform distribution on [a, b); defaults 0 and 1.
 *
 * @example
 * nn.init.uniform_(layer.weight, { a: -0.1, b: 0.1 });
 */
export function uniform_(tensor: Tensor, options: { a?: number; b?: number } & RandomOptions = {}): Tensor {
  const { a, b, generator } = readUniform(options);
  check('tensor', tensor, tensorKind);
  return noGrad(() => tensor.uniform_(a, b, { generator }));
}

const readNormal = optionsOf('normal_()', { mean: [number, 0], std: [number, 1], ...randomTable });

/**
 * Fills `tensor` from the normal distribution; mean 0 and standard deviation 1 by default.
 *
 * @example
 * nn.init.normal_(layer.weight, { std: 0.02 });
 */
export function normal_(tensor: Tensor, options: { mean?: number; std?: number } & RandomOptions = {}): Tensor {
  const { mean, std, generator } = readNormal(options);
  check('tensor', tensor, tensorKind);
  return noGrad(() => tensor.normal_(mean, std, { generator }));
}

/**
 * Fills `tensor` with one value.
 *
 * @example
 * nn.init.constant_(layer.bias!, 0.1);
 */
export function constant_(tensor: Tensor, val: number): Tensor {
  check('tensor', tensor, tensorKind);
  return noGrad(() => tensor.fill_(val));
}

/**
 * Fills `tensor` with ones.
 *
 * @example
 * nn.init.ones_(norm.weight);
 */
export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

/**
 * Fills `tensor` with zeros.
 *
 * @example
 * nn.init.zeros_(layer.bias!);
 */
export function zeros_(tensor: Tensor): Tensor {
  check('tensor', tensor, tensorKind);
  return noGrad(() => tensor.zero_());
}

/**
 * Fills a matrix with ones on its diagonal and zeros elsewhere.
 *
 * @example
 * nn.init.eye_(layer.weight);
 */
export function eye_(tensor: Tensor): Tensor {
  check('tensor', tensor, tensorKind);
  if (tensor.dim() !== 2) throw mustHave('tensor', '2 dimensions', tensor.shape);
  return noGrad(() => tensor.zero_().fillDiagonal_(1));
}

const readDirac = optionsOf('dirac_()', { groups: [integer(1), 1] });

/**
 * Fills a convolution's weight `[out, in, ...kernel]` so that it passes its input through.
 *
 * @param options.groups how many groups of channels do so, each separately; default 1.
 *
 * @example
 * nn.init.dirac_(convolution.weight);
 */
export function dirac_(tensor: Tensor, options: { groups?: number } = {}): Tensor {
  const { groups } = readDirac(options);
  check('tensor', tensor, tensorKind);
  const [out, channels, ...kernel] = tensor.shape;
  if (kernel.length < 1 || kernel.length > 3) {
    throw mustHave('tensor', '3 to 5 dimensions', tensor.shape);
  }
  if (out! % groups !== 0) throw invalidArgument('groups', `a divisor of the ${out} output channels`, groups);
  return noGrad(() => {
    tensor.zero_();
    for (let i = 0; i < out!; i++) {
      const channel = i % (out! / groups);
      if (channel >= channels!) continue;
      let at = tensor.select(0, i).select(0, channel);
      for (const n of kernel) at = at.select(0, Math.floor(n / 2));
      at.fill_(1);
    }
    return tensor;
  });
}

const gainTable = { gain: [finite, 1], ...randomTable } as const;
const readXavierUniform = optionsOf('xavierUniform_()', gainTable);

/**
 * Fills `tensor` from the uniform distribution on [-x, x), x = gain * sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010).
 *
 * @example
 * nn.init.xavierUniform_(layer.weight, { gain: nn.init.calculateGain('tanh') });
 */
export function xavierUniform_(tensor: Tensor, options: { gain?: number } & RandomOptions = {}): Tensor {
  const { gain, generator } = readXavierUniform(options);
  const bound = Math.sqrt(3) * xavierStd(tensor, gain);
  return uniform_(tensor, { a: -bound, b: bound, generator });
}

const readXavierNormal = optionsOf('xavierNormal_()', gainTable);

/**
 * Fills `tensor` from the normal distribution of standard deviation gain * sqrt(2 / (fanIn + fanOut)) (Glorot and Bengio 2010).
 *
 * @example
 * nn.init.xavierNormal_(layer.weight);
 */
export function xavierNormal_(tensor: Tensor, options: { gain?: number } & RandomOptions = {}): Tensor {
  const { gain, generator } = readXavierNormal(options);
  return normal_(tensor, { std: xavierStd(tensor, gain), generator });
}

/** How {@link kaimingUniform_} and {@link kaimingNormal_} scale. */
export interface KaimingOptions extends RandomOptions {
  /** Negative slope of `leaky_relu`; default 0. */
  a?: number;
  /** Default `fan_in`. */
  mode?: FanMode;
  /** Default `leaky_relu`. */
  nonlinearity?: Nonlinearity;
}

const kaimingTable = {
  a: [finite, 0],
  mode: [oneOf('fan_in', 'fan_out'), 'fan_in'],
  nonlinearity: [nonlinearities, 'leaky_relu'],
  ...randomTable,
} as const;
const readKaimingUniform = optionsOf('kaimingUniform_()', kaimingTable);

/**
 * Fills `tensor` from the uniform distribution on [-x, x), x = gain * sqrt(3 / fan) (He et al. 2015).
 *
 * @example
 * nn.init.kaimingUniform_(layer.weight, { nonlinearity: 'relu' });
 */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const read = readKaimingUniform(options);
  const bound = Math.sqrt(3) * kaimingStd(tensor, read);
  return uniform_(tensor, { a: -bound, b: bound, generator: read.generator });
}

const readKaimingNormal = optionsOf('kaimingNormal_()', kaimingTable);

/**
 * Fills `tensor` from the normal distribution of standard deviation gain / sqrt(fan) (He et al. 2015).
 *
 * @example
 * nn.init.kaimingNormal_(convolution.weight, { mode: 'fan_out', nonlinearity: 'relu' });
 */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const read = readKaimingNormal(options);
  return normal_(tensor, { std: kaimingStd(tensor, read), generator: read.generator });
}

const readOrthogonal = optionsOf('orthogonal_()', gainTable);

/**
 * Fills `tensor`, seen as a matrix of its first dimension by the rest, with orthonormal rows or columns times `gain` (Saxe et al. 2013).
 *
 * @example
 * nn.init.orthogonal_(rnn.weight);
 */
export function orthogonal_(tensor: Tensor, options: { gain?: number } & RandomOptions = {}): Tensor {
  const { gain, generator } = readOrthogonal(options);
  check('tensor', tensor, tensorKind);
  if (tensor.dim() < 2) throw mustHave('tensor', '2 or more dimensions', tensor.shape);
  if (tensor.numel() === 0) return tensor;
  return noGrad(() => {
    const rows = tensor.shape[0]!;
    const columns = tensor.numel() / rows;
    const drawn = tensor.newEmpty([rows, columns]).normal_(0, 1, { generator });
    const [q, r] = qr(rows < columns ? drawn.t() : drawn);
    // The signs of R's diagonal make Q uniform among the orthogonal matrices (Mezzadri 2007).
    q.mul_(r.diagonal().sign());
    return tensor.copy_((rows < columns ? q.t() : q).reshape(tensor.shape)).mul_(gain);
  });
}

const readSparse = optionsOf('sparse_()', { std: [number, 0.01], ...randomTable });

/**
 * Fills a matrix from the normal distribution, then sets a share of each column, chosen at random, to zero (Martens 2010).
 *
 * @example
 * nn.init.sparse_(layer.weight, 0.9);
 */
export function sparse_(tensor: Tensor, sparsity: number, options: { std?: number } & RandomOptions = {}): Tensor {
  const { std, generator } = readSparse(options);
  check('tensor', tensor, tensorKind);
  if (tensor.dim() !== 2) throw mustHave('tensor', '2 dimensions', tensor.shape);
  check('sparsity', sparsity, probability);
  const [rows, columns] = tensor.shape as [number, number];
  const zeros = Math.ceil(sparsity * rows);
  return noGrad(() => {
    tensor.normal_(0, std, { generator });
    for (let i = 0; i < columns; i++) {
      // PyTorch chooses the rows with the global generator, whatever drew the values.
      const chosen = randperm(rows, { device: tensor.device }).narrow(0, 0, zeros);
      tensor.select(1, i).indexFill_(0, chosen, 0);
    }
    return tensor;
  });
}

/**
 * The sizes that scale weights `[out, in, ...kernel]`: connections into and out of a unit.
 *
 * @example
 * nn.init.fans(new nn.Conv2d(3, 8, 5).weight); // { fanIn: 75, fanOut: 200 }
 */
export function fans(tensor: Tensor): { fanIn: number; fanOut: number } {
  check('tensor', tensor, tensorKind);
  const [out, into, ...kernel] = tensor.shape;
  if (into === undefined) throw mustHave('tensor', '2 or more dimensions', tensor.shape);
  const field = kernel.reduce((a, b) => a * b, 1);
  return { fanIn: into * field, fanOut: out! * field };
}

function xavierStd(tensor: Tensor, gain: number): number {
  const { fanIn, fanOut } = fans(tensor);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

function kaimingStd(tensor: Tensor, { a, mode, nonlinearity }: Values<typeof kaimingTable>): number {
  const gain = calculateGain(nonlinearity, a);
  const { fanIn, fanOut } = fans(tensor);
  // An empty tensor draws nothing, whatever its scale.
  return tensor.numel() === 0 ? 0 : gain / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut);
}
