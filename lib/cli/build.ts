import { join } from 'node:path';
import { tryInChild } from '../binding/check.js';
import { resolveInstallation } from '../binding/resolve.js';
import { buildNative } from '../setup/build-native.js';
import { SetupError } from '../setup/child-process.js';
import { cacheRoots, findLibtorch, type Libtorch, LibtorchError } from '../setup/libtorch.js';
import { commands } from '../setup/root.js';

/** Compiles the native binary for the libtorch that is there, and tries it. With `folder` it goes there, not where it is loaded from. */
export async function build(
  root: string,
  variant: 'cpu' | 'cuda' | undefined,
  { torch, force, folder }: { torch?: string; force?: boolean; folder?: string },
): Promise<void> {
  const libtorch = find(root, variant, torch);
  const built = await buildNative(root, libtorch, { force, folder });
  // The libtorch and the binary of this build, not others that a search would find.
  const binary = folder === undefined ? '' : join(root, folder, 'Release', 'torch_clip.node');
  const env = { ...process.env, TORCH_CLIP_LIBTORCH: libtorch.root, TORCH_CLIP_BINARY: binary };
  const resolution = resolveInstallation(root, env);
  tryInChild(resolution, env);
  const what = `for torch ${libtorch.version} (${libtorch.flavour}), ${libtorch.root}`;
  console.log(`${resolution.binary.addon} ${built ? 'is built' : 'was built already'} ${what}`);
}

function find(root: string, variant: 'cpu' | 'cuda' | undefined, torch: string | undefined): Libtorch {
  const reason = ({ version, flavour }: Libtorch) => {
    if (torch !== undefined && !`${version}.`.startsWith(`${torch}.`)) return `torch ${version}, not ${torch}`;
    const isCuda = flavour.startsWith('cu');
    return variant === undefined || isCuda === (variant === 'cuda') ? undefined : `a build for ${flavour}`;
  };
  try {
    return findLibtorch({ caches: cacheRoots(root), accept: reason });
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    const wanted = `${variant === 'cuda' ? ' cu130' : ''}${torch === undefined ? '' : ` --torch ${torch}`}`;
    throw new SetupError(error.message, {
      tried: error.tried,
      fix: error.variable
        ? `correct or unset ${error.variable}`
        : wanted
          ? `npx torch-clip install${wanted}`
          : commands(root).install,
    });
  }
}
