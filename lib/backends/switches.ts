import { native } from '../binding/index.js';
import { check, flag, type Kind, oneOf } from '../check.js';

declare module '../binding/index.js' {
  interface Native {
    /** Sets a switch of libtorch's, where `on` is given; returns what it was. */
    backendSwitch(name: string, on?: boolean): boolean;
    backendAvailable(name: string): boolean;
    /** Sets a precision of libtorch's, where one is given; returns what it was. */
    backendPrecision(name: string, precision?: string): string;
  }
}

/** A setting of libtorch: what it takes, and what sets it where a value is given and returns what it was. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  exchange(value?: T): T;
}

/** An object whose properties are settings of libtorch, for all threads of the process; no property can be added to it. */
export function settings<S extends Readonly<Record<string, Setting<unknown>>>>(
  prefix: string,
  own: S,
): { -readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never } {
  const object = {};
  for (const [name, setting] of Object.entries(own)) {
    Object.defineProperty(object, name, {
      get: () => setting.exchange(),
      set: (value: unknown) => {
        setting.exchange(check(`backends.${prefix}.${name}`, value, setting.kind));
      },
      enumerable: true,
    });
  }
  return Object.preventExtensions(object) as ReturnType<typeof settings<S>>;
}

/** Switches as settings: each is true or false. */
export const flags = <const Names extends string>(
  prefix: string,
  names: readonly Names[],
): { [Name in Names]: Setting<boolean> } =>
  Object.fromEntries(
    names.map((name) => [
      name,
      { kind: flag, exchange: (on?: boolean) => native.backendSwitch(`${prefix}.${name}`, on) },
    ]),
  ) as { [Name in Names]: Setting<boolean> };

/** How float32 is multiplied on a GPU: as it is (`'ieee'`), rounded to TF32, or as a more general setting says (`'none'`). */
export type Fp32PrecisionOnGpu = 'none' | 'ieee' | 'tf32';
/** How float32 is multiplied: as {@link Fp32PrecisionOnGpu}, or rounded to bfloat16. */
export type Fp32Precision = Fp32PrecisionOnGpu | 'bf16';

const precision = <T extends Fp32Precision>(name: string, ...words: readonly T[]): Setting<T> => ({
  kind: oneOf(...words),
  exchange: (word) => native.backendPrecision(name, word) as T,
});
/** The precision of a library for GPUs, or of one kind of its operations. */
export const gpuPrecision = (name: string): Setting<Fp32PrecisionOnGpu> => precision(name, 'none', 'ieee', 'tf32');
/** The precision of a library for the CPU, or of one kind of its operations. */
export const cpuPrecision = (name: string): Setting<Fp32Precision> => precision(name, 'none', 'ieee', 'tf32', 'bf16');

/** What one switch is, as a function. */
export const reads = (name: string) => (): boolean => native.backendSwitch(name);
/** Sets one switch, as a function. */
export const writes =
  (name: string) =>
  (enabled: boolean): void => {
    native.backendSwitch(name, check('enabled', enabled, flag));
  };
