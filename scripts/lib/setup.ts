// The part of the set-up that needs the npm packages.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../../lib/cli/build.js';
import { buildNative } from '../../lib/setup/build-native.js';
import { run, SetupError, tail } from '../../lib/setup/child-process.js';
import { fetchLibtorch } from '../../lib/setup/fetch.js';
import { findLibtorch, type Libtorch, LibtorchError, type Variant } from '../../lib/setup/libtorch.js';
import { Progress } from '../../lib/setup/progress.js';
import { digest, unlessStamped } from '../../lib/setup/stamp.js';
import { buildDist } from './dist.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Where the build with CUDA lies, beside the one for the CPU. */
export const cudaFolder = join('build', 'cuda');

/** Makes libtorch, the native build and dist/, each only when stale; ends the process if one cannot be made. */
export async function setup(args: string[]): Promise<void> {
  const force = args.includes('--build');
  try {
    if (args.includes('--cuda')) {
      await ensureLibtorch('cu130', args.includes('--offline'));
      return await build(root, 'cuda', { force, folder: cudaFolder });
    }
    const built = await buildNative(root, await ensureLibtorch(), { force });
    if (args.includes('--native')) return;
    await buildTypeScript(force);
    if (built) await checkLoads();
  } catch (error) {
    console.error(error instanceof SetupError ? String(error) : error);
    process.exit(1);
  }
}

async function ensureLibtorch(variant: Variant = 'cpu', offline = false): Promise<Libtorch> {
  const accept = ({ flavour }: Libtorch) =>
    variant === 'cpu' || flavour.startsWith('cu') ? undefined : `a build for ${flavour}`;
  try {
    return findLibtorch({ accept });
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    if (process.env.TORCH_CLIP_LIBTORCH || process.env.LIBTORCH) {
      throw new SetupError(error.message, {
        tried: error.tried,
        fix: 'set it to the folder that holds lib and include, or unset it to have libtorch fetched',
      });
    }
    await fetchLibtorch({ variant, offline });
    return findLibtorch({ accept });
  }
}

function buildTypeScript(force: boolean): Promise<boolean> {
  const inputs = ['lib', 'scripts/lib/dist.ts', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  const done = {
    stamp: join(root, 'build', 'dist.stamp'),
    key: digest(root, inputs),
    outputs: [join(root, 'dist', 'index.js')],
  };
  return unlessStamped({ ...done, force }, async () => {
    const progress = new Progress('TypeScript build');
    try {
      await buildDist(root);
    } catch (error) {
      progress.end('failed');
      throw error;
    }
    progress.end('done');
  });
}

// In a child: a binary that crashes when it is loaded must not take the set-up down with it.
async function checkLoads(): Promise<void> {
  const code = "import('torch-clip').catch((error) => { console.error(error.message); process.exit(1); })";
  const { status, output } = await run(process.execPath, ['-e', code], { cwd: root });
  if (status === 0) return;
  throw new SetupError(`the binary was built but cannot be loaded:\n${tail(output)}`, { fix: 'npm run build' });
}
