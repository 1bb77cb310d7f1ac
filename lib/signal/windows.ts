import { arrayOf, check, finite, finitePositive, flag, integer, nonNegative, orNull, positive } from '../check.js';
import { tensor } from '../creation/index.js';
import type { DeviceLike } from '../device.js';
import { type Dtype, float32, float64 } from '../dtype.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { device as deviceKind, dtype as dtypeKind } from '../kinds.js';
import { arange, empty, i0, linspace, minimum, ones, rsub } from '../ops/generated/functions.js';
import { optionsOf, type Table } from '../options.js';
import { getDefaultDtype } from '../runtime.js';
import type { Tensor } from '../tensor.js';

/** What every window takes beside its length. */
export interface WindowOptions {
  /** Symmetric, for the design of filters, rather than periodic, for spectral analysis. Default: true. */
  sym?: boolean;
  /** `torch.float32` or `torch.float64`. Default: the default dtype. */
  dtype?: Dtype | null;
  /** Default: the default device. */
  device?: DeviceLike | null;
  /** Whether autograd records what is done with the window. Default: false. */
  requiresGrad?: boolean;
}

const common = {
  sym: [flag, true],
  dtype: [orNull(dtypeKind), null],
  device: [orNull(deviceKind), null],
  requiresGrad: [flag, false],
} as const satisfies Table;

interface Read {
  readonly sym: boolean;
  readonly dtype: Dtype | null;
  readonly device: DeviceLike | null;
  readonly requiresGrad: boolean;
}
interface Target {
  readonly dtype: Dtype;
  readonly device: DeviceLike | null;
}

/** How many points a period has beyond those of the window: none where it is symmetric. */
const beyond = (m: number, { sym }: Read) => (!sym && m > 1 ? 1 : 0);

/** A window of `m` points, from what computes it where there are enough. */
function window(m: number, options: Read, least: number, compute: (target: Target) => Tensor): Tensor {
  check('m', m, integer(0));
  const dtype = options.dtype ?? getDefaultDtype();
  if (dtype !== float32 && dtype !== float64) {
    throw invalidArgument('dtype', 'torch.float32 or torch.float64', dtype, 'ERR_DTYPE');
  }
  const target = { dtype, device: options.device };
  const made = m === 0 ? empty([0], target) : m < least ? ones([m], target) : compute(target);
  return options.requiresGrad ? made.requiresGrad_() : made;
}

const readExponential = optionsOf('exponential()', {
  ...common,
  center: [orNull(finite), null],
  tau: [finitePositive, 1],
});

/**
 * An exponential (Poisson) window: `exp(-|n - center| / tau)`.
 *
 * @param m how many points, >= 0.
 * @param options.center where its maximum is, for a periodic window alone; default the middle.
 * @param options.tau the decay constant, > 0; default 1.
 *
 * @example
 * torch.signal.windows.exponential(10, { sym: false, tau: 0.5 });
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.exponential.html
 */
export function exponential(m: number, options: WindowOptions & { center?: number | null; tau?: number } = {}): Tensor {
  const read = readExponential(options);
  if (read.sym && read.center !== null) {
    throw new TorchClipError('ERR_ARGUMENT', '"center" can only be given with sym: false');
  }
  const scale = 1 / read.tau;
  const center = read.center ?? (m - 1 + beyond(m, read)) / 2;
  return window(m, read, 1, (target) =>
    linspace(-center * scale, (-center + (m - 1)) * scale, m, target)
      .abs()
      .neg()
      .exp(),
  );
}

const readCosine = optionsOf('cosine()', common);

/**
 * A simple cosine window: `sin(pi (n + 0.5) / m)`.
 *
 * @param m how many points, >= 0.
 *
 * @example
 * torch.signal.windows.cosine(10);
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.cosine.html
 */
export function cosine(m: number, options: WindowOptions = {}): Tensor {
  const read = readCosine(options);
  const scale = Math.PI / (m + beyond(m, read));
  return window(m, read, 1, (target) => linspace(0.5 * scale, (0.5 + (m - 1)) * scale, m, target).sin());
}

const readGaussian = optionsOf('gaussian()', { ...common, std: [positive, 1] });

/**
 * A Gaussian window: `exp(-(n / (2 std))^2)` about the middle.
 *
 * @param m how many points, >= 0.
 * @param options.std the standard deviation, > 0; default 1.
 *
 * @example
 * torch.signal.windows.gaussian(10, { std: 2 });
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.gaussian.html
 */
export function gaussian(m: number, options: WindowOptions & { std?: number } = {}): Tensor {
  const read = readGaussian(options);
  const start = -(m - 1 + beyond(m, read)) / 2;
  const scale = 1 / (read.std * Math.sqrt(2));
  return window(m, read, 1, (target) =>
    linspace(start * scale, (start + (m - 1)) * scale, m, target)
      .pow(2)
      .neg()
      .exp(),
  );
}

const readKaiser = optionsOf('kaiser()', { ...common, beta: [nonNegative, 12] });

/**
 * A Kaiser window.
 *
 * @param m how many points, >= 0.
 * @param options.beta its shape, >= 0; default 12.
 *
 * @example
 * torch.signal.windows.kaiser(5);
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.kaiser.html
 */
export function kaiser(m: number, options: WindowOptions & { beta?: number } = {}): Tensor {
  const read = readKaiser(options);
  return window(m, read, 2, (target) => {
    // In the window's dtype, so that rounding does not lead out of the square root's domain.
    const beta = tensor(read.beta, target);
    const scale = beta.mul(2).div(read.sym ? m - 1 : m);
    const end = minimum(beta, scale.mul(m - 1).sub(beta));
    const k = linspace(beta.neg(), end, m, target);
    return i0(beta.mul(beta).sub(k.pow(2)).sqrt()).div(i0(beta));
  });
}

const readBartlett = optionsOf('bartlett()', common);

/**
 * A Bartlett (triangular) window.
 *
 * @param m how many points, >= 0.
 *
 * @example
 * torch.signal.windows.bartlett(10);
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.bartlett.html
 */
export function bartlett(m: number, options: WindowOptions = {}): Tensor {
  const read = readBartlett(options);
  const scale = 2 / (read.sym ? m - 1 : m);
  return window(m, read, 2, (target) => rsub(linspace(-1, -1 + (m - 1) * scale, m, target).abs(), 1));
}

function sumOfCosines(m: number, coefficients: readonly number[], read: Read): Tensor {
  const scale = (2 * Math.PI) / (read.sym ? m - 1 : m);
  return window(m, read, 2, (target) => {
    const k = linspace(0, (m - 1) * scale, m, target);
    const signed = tensor(
      coefficients.map((a, i) => (i % 2 === 0 ? a : -a)),
      target,
    );
    const orders = arange(coefficients.length, target);
    return signed.unsqueeze(-1).mul(orders.unsqueeze(-1).mul(k).cos()).sum(0);
  });
}

const readGeneralCosine = optionsOf('generalCosine()', { ...common, a: [arrayOf(finite)] });

/**
 * A weighted sum of cosines.
 *
 * @param m how many points, >= 0.
 * @param options.a the coefficients, at least one.
 *
 * @example
 * torch.signal.windows.generalCosine(10, { a: [0.46, 0.23, 0.31] });
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.general_cosine.html
 */
export function generalCosine(m: number, options: WindowOptions & { a: readonly number[] }): Tensor {
  const read = readGeneralCosine(options);
  if (read.a.length === 0) throw invalidArgument('a', 'an array of at least one number', read.a);
  return sumOfCosines(m, read.a, read);
}

const readGeneralHamming = optionsOf('generalHamming()', { ...common, alpha: [finite, 0.54] });

/**
 * A general Hamming window: `alpha - (1 - alpha) cos(2 pi n / (m - 1))`.
 *
 * @param m how many points, >= 0.
 * @param options.alpha default 0.54.
 *
 * @example
 * torch.signal.windows.generalHamming(10, { alpha: 0.5 });
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.general_hamming.html
 */
export function generalHamming(m: number, options: WindowOptions & { alpha?: number } = {}): Tensor {
  const read = readGeneralHamming(options);
  return sumOfCosines(m, [read.alpha, 1 - read.alpha], read);
}

const readHamming = optionsOf('hamming()', common);

/**
 * A Hamming window.
 *
 * @param m how many points, >= 0.
 *
 * @example
 * torch.signal.windows.hamming(10);
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.hamming.html
 */
export function hamming(m: number, options: WindowOptions = {}): Tensor {
  return sumOfCosines(m, [0.54, 1 - 0.54], readHamming(options));
}

const readHann = optionsOf('hann()', common);

/**
 * A Hann window.
 *
 * @param m how many points, >= 0.
 *
 * @example
 * torch.signal.windows.hann(10, { sym: false });
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.hann.html
 */
export function hann(m: number, options: WindowOptions = {}): Tensor {
  return sumOfCosines(m, [0.5, 0.5], readHann(options));
}

const readBlackman = optionsOf('blackman()', common);

/**
 * A Blackman window.
 *
 * @param m how many points, >= 0.
 *
 * @example
 * torch.signal.windows.blackman(10);
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.blackman.html
 */
export function blackman(m: number, options: WindowOptions = {}): Tensor {
  return sumOfCosines(m, [0.42, 0.5, 0.08], readBlackman(options));
}

const readNuttall = optionsOf('nuttall()', common);

/**
 * The minimum four-term Blackman-Harris window.
 *
 * Nuttall, "Some windows with very good sidelobe behavior", 1981.
 *
 * @param m how many points, >= 0.
 *
 * @example
 * torch.signal.windows.nuttall(10);
 * @see https://pytorch.org/docs/stable/generated/torch.signal.windows.nuttall.html
 */
export function nuttall(m: number, options: WindowOptions = {}): Tensor {
  return sumOfCosines(m, [0.3635819, 0.4891775, 0.1365995, 0.0106411], readNuttall(options));
}
