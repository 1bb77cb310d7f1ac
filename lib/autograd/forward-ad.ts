// Forward-mode differentiation: `torch.autograd.forwardAd`.
import { native } from '../binding/index.js';
import { check, integer } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { optionsOf } from '../options.js';
import { refuseAsync, refusePromise } from '../sync.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';

declare module '../binding/index.js' {
  interface Native {
    enterDualLevel(): number;
    exitDualLevel(): void;
    makeDual(primal: Handle, tangent: Handle, level: number): Handle;
    unpackDual(dual: Handle, level: number): [primal: Handle, tangent: Handle | null];
  }
}

// The level that is open; libtorch has no nested ones.
let current = -1;

const levels = integer(0);
const readLevel = optionsOf('forwardAd', { level: [levels, 0] });

/**
 * Opens a level of forward-mode differentiation; {@link exitDualLevel} closes it. {@link dualLevel} does both.
 *
 * @throws {TorchClipError} `ERR_STATE` where one is open: levels do not nest.
 *
 * @example
 * torch.autograd.forwardAd.enterDualLevel();
 * try {
 *   const dual = torch.autograd.forwardAd.makeDual(x, tangent);
 * } finally {
 *   torch.autograd.forwardAd.exitDualLevel();
 * }
 */
export function enterDualLevel(): number {
  if (current >= 0)
    throw new TorchClipError(
      'ERR_STATE',
      'a level of forward-mode differentiation is open already, and levels cannot be nested',
    );
  current = native.enterDualLevel();
  return current;
}

/**
 * Closes the level that is open, and with it lets go of all tangents.
 *
 * @example
 * torch.autograd.forwardAd.exitDualLevel();
 */
export function exitDualLevel(options?: { level?: number }): void {
  const { level } = readLevel(options, 'exitDualLevel()');
  if (level !== current) {
    throw new TorchClipError('ERR_STATE', `level ${level} of forward-mode differentiation is not open`);
  }
  native.exitDualLevel();
  current = -1;
}

/**
 * Runs `body` with a level of forward-mode differentiation: operations on tensors of {@link makeDual} carry a derivative along.
 *
 * @param body a synchronous function; an async one is refused with `ERR_ASYNC_SCOPE`.
 * @returns what `body` returns.
 *
 * @example
 * const { dualLevel, makeDual, unpackDual } = torch.autograd.forwardAd;
 * const derivative = dualLevel(() => unpackDual(makeDual(x, v).sin()).tangent);
 * @see https://pytorch.org/tutorials/intermediate/forward_ad_usage.html
 */
export function dualLevel<T>(body: () => T): T {
  refuseAsync('dualLevel', body);
  const level = enterDualLevel();
  try {
    return refusePromise('dualLevel', body());
  } finally {
    exitDualLevel({ level });
  }
}

/** A tensor taken apart by {@link unpackDual}. */
export interface UnpackedDualTensor {
  /** The value. */
  primal: Tensor;
  /** The derivative, null where there is none. */
  tangent: Tensor | null;
}

/**
 * A view of a tensor with a derivative.
 *
 * @param tangent of the shape and dtype of `tensor`.
 * @throws {TorchClipError} `ERR_STATE` outside of {@link dualLevel}.
 *
 * @example
 * torch.autograd.forwardAd.dualLevel(() => torch.autograd.forwardAd.makeDual(x, tangent).sin());
 */
export function makeDual(tensor: Tensor, tangent: Tensor, options?: { level?: number }): Tensor {
  if (!isTensor(tensor)) throw invalidArgument('tensor', 'a Tensor', tensor);
  if (!isTensor(tangent)) throw invalidArgument('tangent', 'a Tensor', tangent);
  const level = levelOf('makeDual()', options);
  if (level < 0) throw new TorchClipError('ERR_STATE', 'makeDual() must be called inside of forwardAd.dualLevel()');
  for (const [name, { dtype }] of Object.entries({ tensor, tangent })) {
    if (!dtype.isFloatingPoint && !dtype.isComplex) {
      throw new TorchClipError('ERR_DTYPE', `"${name}" must be of floating-point or complex dtype, got ${dtype.name}`);
    }
  }
  return wrap(native.makeDual(tensor.handle, tangent.handle, level));
}

/**
 * The value of a tensor and its derivative.
 *
 * @example
 * const { primal, tangent } = torch.autograd.forwardAd.unpackDual(y);
 */
export function unpackDual(tensor: Tensor, options?: { level?: number }): UnpackedDualTensor {
  if (!isTensor(tensor)) throw invalidArgument('tensor', 'a Tensor', tensor);
  const level = levelOf('unpackDual()', options);
  if (level < 0) return { primal: tensor, tangent: null };
  const [primal, tangent] = native.unpackDual(tensor.handle, level);
  return { primal: wrap(primal), tangent: tangent === null ? null : wrap(tangent) };
}

function levelOf(name: string, options: { level?: number } | undefined): number {
  if (options?.level === undefined) return current;
  return check('level', readLevel(options, name).level, levels);
}
