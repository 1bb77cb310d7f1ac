import { createRequire } from 'node:module';
import { packageRoot } from '../setup/root.js';
import { checkOnce, checkVersions, librariesOf, loadError } from './check.js';
import { resolveInstallation } from './resolve.js';
import { endIfTrial } from './trial.js';

/** The addon's functions; each module of lib/ adds those that it calls to this interface. */
// biome-ignore lint/suspicious/noEmptyInterface: it is filled by declaration merging.
export interface Native {}

interface Loader {
  /** Opens a shared library for good; returns why it could not, mostly in the dynamic linker's words. */
  open(path: string): string | undefined;
}

/** What the binary says of itself; an old one says less. */
interface Versions {
  libtorchVersion(): string;
  compiledFor?(): string;
  packageVersion?(): string;
  expectKeeper?(): void;
}

function load(): Native {
  endIfTrial();
  const resolution = resolveInstallation(packageRoot());
  checkOnce(resolution);
  const { libtorch, binary } = resolution;
  const require = createRequire(import.meta.url);
  const attempt = <T>(part: 'loader' | 'addon', path: string): T => {
    try {
      return require(path) as T;
    } catch (error) {
      throw loadError(part, (error as Error).message, resolution);
    }
  };
  const loader = attempt<Loader>('loader', binary.loader);
  for (const path of librariesOf(libtorch.root)) {
    const refused = loader.open(path);
    if (refused !== undefined) throw loadError('libtorch', refused, resolution);
  }
  const addon = attempt<Native & Versions>('addon', binary.addon);
  checkVersions(
    { version: addon.libtorchVersion(), compiledFor: addon.compiledFor?.(), package: addon.packageVersion?.() },
    resolution,
  );
  // Loaded again for an environment of its own, which owns the finalizers and never throws (native/binding/env.h).
  if (addon.expectKeeper !== undefined) {
    addon.expectKeeper();
    process.dlopen({ exports: {} }, binary.addon);
  }
  return addon;
}

/** The addon, loaded with the libtorch that fits it. */
export const native: Native = load();
