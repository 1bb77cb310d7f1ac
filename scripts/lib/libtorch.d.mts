export interface Libtorch {
  /** The folder that holds lib/ and include/. */
  root: string;
  version: string;
  flavour: 'cpu' | 'cu13';
}

export class LibtorchError extends Error {
  readonly code: 'ERR_LIBTORCH_NOT_FOUND' | 'ERR_LIBTORCH_VERSION';
  readonly tried: string[];
}

export const reference: string;
export const oldest: string;
export const newest: string;
export function cacheRoot(env?: NodeJS.ProcessEnv): string;
export function inspect(folder: string): Libtorch | undefined;
export function series(version: string): string;
export function isSupported(version: string): boolean;
export function findLibtorch(options?: {
  env?: NodeJS.ProcessEnv;
  extra?: string[];
  accept?: (found: Libtorch) => string | undefined;
}): Libtorch;
