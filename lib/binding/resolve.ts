import { existsSync } from 'node:fs';
import { TorchClipError } from '../errors.js';
import { isOn } from '../setup/env.js';
import {
  cacheRoots,
  type FoundLibtorch,
  findLibtorch,
  isSupported,
  type Libtorch,
  LibtorchError,
  reference,
  series,
} from '../setup/libtorch.js';
import { buildFor, commands, installOf } from '../setup/root.js';
import { type Binary, type Damaged, findBinaries } from './binaries.js';

/** The libtorch and the binary that fit each other, and why these. */
export interface Resolution {
  /** The package's folder. */
  root: string;
  libtorch: FoundLibtorch;
  binary: Binary;
  /** Binaries that were passed over because they cannot be loaded here. */
  damaged: Damaged[];
}

/**
 * Chooses the libtorch and the binary that fit each other, from what the files say; loads neither.
 *
 * @throws TorchClipError `ERR_BINARY_NOT_FOUND`, `ERR_BINARY`, `ERR_LIBTORCH_NOT_FOUND` or `ERR_LIBTORCH_VERSION`,
 *   with what was tried and the command that fixes it.
 */
export function resolveInstallation(root: string, env: NodeJS.ProcessEnv = process.env): Resolution {
  const { usable, damaged } = findBinaries(root, env);
  if (usable.length === 0) throw damageError(root, damaged);
  const anyVersion = isOn(env.TORCH_CLIP_SKIP_VERSION_CHECK);
  const fitting = (libtorch: Libtorch) =>
    usable.find((b) => anyVersion || b.torch === undefined || fits(b, libtorch)) as Binary | undefined;
  const made = [...new Set(usable.map((b) => `torch ${b.torch ?? '?'} (${b.flavour ?? '?'})`))].join(', ');
  const accept = (found: Libtorch) => {
    if (fitting(found)) return undefined;
    // Another libtorch would hide that a file is damaged.
    const broken = damaged.filter(({ binary }) => fits(binary, found));
    if (broken.length > 0) throw damageError(root, broken, found);
    return `torch ${found.version} (${found.flavour}), but there are binaries for ${made} only`;
  };
  const extra = usable.flatMap((b) => b.libtorch ?? []);
  const caches = cacheRoots(root, env);
  try {
    const libtorch = findLibtorch({ env, extra, caches, preferCuda: hasNvidiaDriver(), anyVersion, accept });
    // With the check skipped, one that fits is still better than the first.
    return { root, libtorch, binary: usable.find((b) => fits(b, libtorch)) ?? fitting(libtorch)!, damaged };
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    const tried = [...error.tried, ...damaged.map(({ why }) => why)].join('; ');
    throw new TorchClipError(error.code, `${error.message}; looked at ${tried}; ${fix(root, usable, error)}`);
  }
}

/** Whether a binary was made for a libtorch of this version and flavour. */
export function fits(binary: Binary, libtorch: Libtorch): boolean {
  return binary.torch === series(libtorch.version) && binary.flavour === libtorch.flavour;
}

function damageError(root: string, damaged: Damaged[], libtorch?: Libtorch): TorchClipError {
  const [{ binary }] = damaged as [Damaged];
  const build = `run "${libtorch ? buildFor(libtorch) : commands(root).build}" in ${root}`;
  let fix = build;
  if (binary.origin === 'TORCH_CLIP_BINARY') fix = 'correct or unset TORCH_CLIP_BINARY';
  else if (binary.origin === 'a prebuilt binary') fix = `reinstall torch-clip, or ${build}`;
  const what = libtorch ? `the native binary for ${libtorch.root}` : 'the native binary';
  return new TorchClipError(
    'ERR_BINARY',
    `${what} cannot be loaded: ${damaged.map(({ why }) => why).join('; ')}; ${fix}`,
  );
}

function fix(root: string, usable: Binary[], { variable, refused }: LibtorchError): string {
  const first = refused.find(({ version }) => isSupported(version));
  const build = first && `"${buildFor(first)}" for the libtorch that is there`;
  if (variable !== undefined) return `correct or unset ${variable}${build ? `, or run ${build}` : ''}`;
  // Of the flavour that is there, if there is one: a user with a CPU build does not want the gigabytes of CUDA.
  const flavour = first?.flavour ?? 'cpu';
  const there = usable.flatMap(({ torch, flavour: made }) =>
    torch && made ? [{ version: torch, flavour: made }] : [],
  );
  const alike = there.filter((b) => b.flavour === flavour && isSupported(b.version));
  const wanted = alike.find((b) => b.version === series(reference)) ?? alike.at(-1);
  const fetched = wanted ? installOf(wanted) : first === undefined && commands(root).install;
  const ways = [...(fetched ? [`"${fetched}"`] : []), ...(build ? [build] : [])];
  return `run ${ways.join(', or ')}, or set TORCH_CLIP_LIBTORCH to the folder that holds lib and include`;
}

/** Whether this machine has an NVIDIA driver, so that a CUDA build of libtorch is worth preferring. */
export function hasNvidiaDriver(exists: (path: string) => boolean = existsSync): boolean {
  // WSL 2 has the device of any GPU; NVIDIA's library lies there only with its driver for Windows.
  const wsl = exists('/dev/dxg') && exists('/usr/lib/wsl/lib/libcuda.so.1');
  return exists('/proc/driver/nvidia/version') || exists('/dev/nvidiactl') || wsl;
}
