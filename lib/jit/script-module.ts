import { types } from 'node:util';
import { native } from '../binding/index.js';
import { check, flag, text } from '../check.js';
import type { DeviceLike } from '../device.js';
import { describe, TorchClipError } from '../errors.js';
import { device as deviceKind } from '../kinds.js';
import { checkOwn, type own } from '../own.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';

declare const brand: unique symbol;
/** @internal */
export type NativeScript = { readonly [brand]: 'script' };

declare module '../binding/index.js' {
  interface Native {
    jitLoad(path: string, device?: string): NativeScript;
    jitMethods(script: NativeScript): { name: string; parameters: string }[];
    jitCall(script: NativeScript, method: string, args: unknown[]): unknown;
    jitTensors(script: NativeScript, buffers: boolean): [name: string, tensor: Handle][];
    jitTrain(script: NativeScript, on: boolean): void;
    jitTo(script: NativeScript, device: string): void;
  }
}

/** What a method of a {@link ScriptModule} takes: tensors, numbers, texts, and arrays and objects of these. */
export type ScriptValue =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly ScriptValue[]
  | { readonly [key: string]: ScriptValue };

// Handles cross the border in place of tensors, both ways.
function lend(value: unknown, depth = 0): unknown {
  if (isTensor(value)) return value.handle;
  if (typeof value !== 'object' || value === null) return value;
  // An array may hold itself.
  if (depth > 64) throw new TorchClipError('ERR_ARGUMENT', '"inputs" must not be nested more than 64 deep');
  if (Array.isArray(value)) return Array.from(value as readonly unknown[], (one) => lend(one, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, lend(one, depth + 1)]));
}

function inThisRealm(value: unknown): unknown {
  if (types.isExternal(value)) return wrap(value as Handle);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inThisRealm);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inThisRealm(one)]));
}

/** The last line of what the interpreter says, without the lines of the program above it. */
function reasonOf(message: string): string {
  const last = message.trimEnd().split('\n').at(-1)!.trim();
  return last.replace(/^(?:[\w.]*(?:Error|Exception)): /, '');
}

/**
 * A model of TorchScript, as Python's `torch.jit.script` and `torch.jit.trace` save it; {@link load} makes one. It is run by libtorch's
 * interpreter: there is no Python in it.
 *
 * @example
 * const model = torch.jit.load('model.pt').eval();
 * const scores = torch.noGrad(() => model.forward(torch.randn([1, 3, 224, 224])));
 */
export class ScriptModule<F extends (...args: never[]) => unknown = (...inputs: ScriptValue[]) => Tensor> {
  readonly #native: NativeScript;

  /** @internal */
  constructor(token: typeof own, native: NativeScript) {
    checkOwn(token, 'ScriptModule', 'torch.jit.load()');
    this.#native = native;
  }

  /**
   * Runs the model. Tuples and lists are arrays here, dictionaries with texts as keys objects, `None` null.
   *
   * @throws {TorchClipError} `ERR_ARGUMENT` for arguments that its declaration does not take; what its operators throw otherwise.
   */
  forward(...inputs: Parameters<F>): ReturnType<F> {
    return this.call('forward', ...(inputs as unknown as ScriptValue[])) as ReturnType<F>;
  }

  /** Runs one of its {@link methods}, which Python has exported with `torch.jit.export`. */
  call(method: string, ...inputs: readonly ScriptValue[]): unknown {
    check('method', method, text);
    const known = this.methods;
    if (!Object.hasOwn(known, method)) {
      const names = Object.keys(known).map(describe).join(', ');
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"method" must be one of the model's, ${names}, got ${describe(method)}`,
      );
    }
    const args = inputs.map((input) => lend(input));
    try {
      return inThisRealm(native.jitCall(this.#native, method, args));
    } catch (error) {
      if (!(error instanceof TorchClipError)) throw error;
      throw new TorchClipError(error.code, `${method}() of the model failed: ${reasonOf(error.message)}`, {
        cause: error,
      });
    }
  }

  /** What can be called: the declarations of the parameters by the methods' names. */
  get methods(): Record<string, string> {
    return Object.fromEntries(native.jitMethods(this.#native).map(({ name, parameters }) => [name, parameters]));
  }

  /** Its parameters with their names, those of submodules too: the very tensors. */
  namedParameters(): [name: string, parameter: Tensor][] {
    return native.jitTensors(this.#native, false).map(([name, handle]) => [name, wrap(handle)]);
  }

  /** Its parameters. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, tensor]) => tensor);
  }

  /** Its buffers with their names. */
  namedBuffers(): [name: string, buffer: Tensor][] {
    return native.jitTensors(this.#native, true).map(([name, handle]) => [name, wrap(handle)]);
  }

  /** Parameters and buffers by name, which a model of `torch.nn` of the same layers can load. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(
      [...this.namedParameters(), ...this.namedBuffers()].map(([name, t]) => [name, t.detach()]),
    );
  }

  /** Has dropout and normalisation work as in training, or not; default true. */
  train(mode = true): this {
    native.jitTrain(this.#native, check('mode', mode, flag));
    return this;
  }

  /** Has dropout and normalisation work as in evaluation. */
  eval(): this {
    return this.train(false);
  }

  /** Moves parameters and buffers. */
  to(device: DeviceLike): this {
    native.jitTo(this.#native, String(check('device', device, deviceKind)));
    return this;
  }

  /** The methods with their declarations. */
  toString(): string {
    const methods = Object.entries(this.methods).map(([name, parameters]) => `${name}(${parameters})`);
    return `ScriptModule(${methods.join(', ')})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
