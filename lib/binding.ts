import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibtorch, LibtorchError, series } from '../scripts/lib/libtorch.mjs';
import { TorchClipError } from './errors.js';

/** The addon's functions; each module of lib/ adds those that it calls to this interface. */
// biome-ignore lint/suspicious/noEmptyInterface: it is filled by declaration merging.
export interface Native {}

interface Loader {
  /** Opens a shared library for good; returns the dynamic linker's words when it cannot. */
  open(path: string): string | undefined;
}

/** One compiled addon and the libtorch it fits. */
interface Binary {
  addon: string;
  loader: string;
  torch: string;
  flavour: string;
  /** The libtorch it was compiled against, for a binary that was compiled here. */
  libtorch?: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const prebuilds = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
const extension = { darwin: 'dylib', win32: 'dll' }[process.platform as string] ?? 'so';

function compiledHere(): Binary[] {
  const folder = join(root, 'build', 'Release');
  const addon = join(folder, 'torch_clip.node');
  const loader = join(folder, 'torch_clip_loader.node');
  const about = join(folder, 'torch_clip.json');
  if (![addon, loader, about].every((path) => existsSync(path))) return [];
  return [
    { addon, loader, ...(JSON.parse(readFileSync(about, 'utf8')) as Pick<Binary, 'torch' | 'flavour' | 'libtorch'>) },
  ];
}

function prebuilt(): Binary[] {
  if (!existsSync(prebuilds)) return [];
  return readdirSync(prebuilds).flatMap((name) => {
    const [, torch, flavour] = /^torch(\d+\.\d+)-(\w+)\.node$/.exec(name) ?? [];
    if (torch === undefined || flavour === undefined) return [];
    return [{ addon: join(prebuilds, name), loader: join(prebuilds, 'loader.node'), torch, flavour }];
  });
}

function load(): Native {
  const binaries = [...compiledHere(), ...prebuilt()];
  if (binaries.length === 0) {
    const places = `${join(root, 'build', 'Release')} and ${prebuilds}`;
    throw new TorchClipError(
      'ERR_BINARY_NOT_FOUND',
      `torch-clip has no native binary in ${places}; run "npm run build" in ${root}`,
    );
  }
  const fits = (torch: string, flavour: string) => binaries.find((b) => b.torch === torch && b.flavour === flavour);
  const made = binaries.map((b) => `torch ${b.torch} (${b.flavour})`).join(', ');
  const libtorch = find(
    binaries.flatMap((b) => b.libtorch ?? []),
    (version, flavour) =>
      fits(series(version), flavour) ? undefined : `torch ${version} (${flavour}), but the binary is for ${made}`,
  );
  const binary = fits(series(libtorch.version), libtorch.flavour)!;
  const require = createRequire(import.meta.url);
  const refused = (require(binary.loader) as Loader).open(join(libtorch.root, 'lib', `libtorch.${extension}`));
  if (refused !== undefined) {
    throw new TorchClipError('ERR_LIBTORCH', `libtorch in ${libtorch.root} cannot be loaded: ${refused}`);
  }
  return require(binary.addon) as Native;
}

function find(extra: string[], accept: (version: string, flavour: string) => string | undefined) {
  try {
    return findLibtorch({ extra, accept: (found) => accept(found.version, found.flavour) });
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    const mend = `run "npm run setup" in ${root}, or set TORCH_CLIP_LIBTORCH to the folder that holds lib and include`;
    throw new TorchClipError(error.code, `${error.message}; looked at ${error.tried.join('; ')}; ${mend}`);
  }
}

/** The addon, loaded with the libtorch that fits it. */
export const native: Native = load();
