import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { TorchClipError } from '../errors.js';
import { isOn } from '../setup/env.js';
import { objectOf } from '../setup/files.js';
import { commands, versionOf } from '../setup/root.js';
import { problemOf } from './executable.js';

/** One compiled addon. */
export interface Binary {
  addon: string;
  /** The addon that opens libtorch for it. */
  loader: string;
  /** The minor version and the flavour of libtorch that it was compiled for; undefined where nothing says it. */
  torch?: string;
  flavour?: string;
  /** The very libtorch, for one that was compiled here. */
  libtorch?: string;
  /** The version of torch-clip that it belongs to; undefined where only the binary itself knows. */
  package?: string;
  /** The compute capabilities that it was compiled for, as CMake lists them: `'80;86;90'`. */
  cudaArchs?: string;
  /** Where it came from, for people. */
  origin: string;
}

/** One that cannot be loaded here: its file is damaged, or it belongs to another version of the package. */
export interface Damaged {
  binary: Binary;
  why: string;
}

/** The binaries that can be loaded here, in order of preference, and what is wrong with the others. */
export interface Binaries {
  usable: Binary[];
  damaged: Damaged[];
}

export const prebuildFolder = (root: string) => join(root, 'prebuilds', `${process.platform}-${process.arch}`);
export const buildFolder = (root: string) => join(root, 'build', 'Release');

/**
 * `TORCH_CLIP_BINARY` alone where it is set; else what was compiled here, then the prebuilt ones.
 *
 * A local build comes first because it is there only where someone asked for it; a developer's must never lose to an older prebuild.
 */
export function findBinaries(root: string, env: NodeJS.ProcessEnv): Binaries {
  const named = env.TORCH_CLIP_BINARY;
  const all = named ? [binaryAt(resolve(named), root)] : [...compiledHere(root), ...prebuilt(root)];
  if (named && !existsSync(named)) {
    throw new TorchClipError('ERR_BINARY_NOT_FOUND', `TORCH_CLIP_BINARY=${named} names no file; correct or unset it`);
  }
  if (all.length === 0) {
    throw new TorchClipError(
      'ERR_BINARY_NOT_FOUND',
      `there is no native binary for ${process.platform}-${process.arch} in ${prebuildFolder(root)} or ${buildFolder(root)}; ` +
        `run "${commands(root).build}" in ${root}`,
    );
  }
  const damaged: Damaged[] = [];
  const own = versionOf(root);
  const usable = all.filter((binary) => {
    const bad = [binary.addon, binary.loader].flatMap((path) => {
      const problem = problemOf(path);
      return problem === undefined ? [] : [`${path} ${problem}`];
    });
    if (binary.package !== undefined && binary.package !== own && !isOn(env.TORCH_CLIP_SKIP_VERSION_CHECK)) {
      bad.push(`${binary.addon} belongs to torch-clip ${binary.package}, and this is ${own}`);
    }
    if (bad.length > 0) damaged.push({ binary, why: bad.join('; ') });
    return bad.length === 0;
  });
  return { usable, damaged };
}

function compiledHere(root: string): Binary[] {
  const addon = join(buildFolder(root), 'torch_clip.node');
  return existsSync(addon) ? [{ ...binaryAt(addon, root), origin: 'the local build' }] : [];
}

function prebuilt(root: string): Binary[] {
  const folder = prebuildFolder(root);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^torch\d+\.\d+-\w+\.node$/.test(name));
  return names.map((name) => ({ ...binaryAt(join(folder, name), root), origin: 'a prebuilt binary' }));
}

/** What the files beside a binary, or its name, say of it. */
function binaryAt(addon: string, root: string): Binary {
  const folder = dirname(addon);
  const loaders = [join(folder, 'loader', 'loader.node'), join(folder, 'loader.node')];
  const ours = [join(buildFolder(root), 'loader', 'loader.node'), join(prebuildFolder(root), 'loader.node')];
  const loader = [...loaders, ...ours].find((path) => existsSync(path)) ?? loaders[0]!;
  const origin = 'TORCH_CLIP_BINARY';
  const [, torch, flavour] = /torch(\d+\.\d+)-(\w+)\.node$/.exec(addon) ?? [];
  if (torch !== undefined && flavour !== undefined) return { addon, loader, torch, flavour, origin };
  const about = objectOf(join(folder, 'torch_clip.json')) as Partial<Binary>;
  // Builds did not always say which version they belong to.
  const before = about.torch === undefined ? {} : { package: 'of an unknown version' };
  return { ...before, ...about, addon, loader, origin };
}
