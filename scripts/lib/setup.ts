// The part of the set-up that needs the npm packages.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../../lib/cli/build.js';
import { fetchLibtorch } from '../../lib/setup/fetch.js';
import { findLibtorch, type Libtorch, LibtorchError, type Variant } from '../../lib/setup/libtorch.js';
import { buildNative } from '../../lib/setup/native.js';
import { Progress } from '../../lib/setup/progress.js';
import { run, SetupError, tail } from '../../lib/setup/run.js';
import { digest, unlessStamped } from '../../lib/setup/stamp.js';

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

const requireTypes = "export * from './index.js';\nexport { default } from './index.js';\n";

function buildTypeScript(force: boolean): Promise<boolean> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const key = digest(root, ['lib', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']);
  const done = { stamp: join(root, 'build', 'dist.stamp'), key, outputs: [join(root, 'dist', 'index.js')] };
  return unlessStamped({ ...done, force }, async () => {
    const progress = new Progress('TypeScript build');
    rmSync(join(root, 'dist'), { recursive: true, force: true });
    const { status, output } = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
    // What require() gives has the types of what import gives; the compiler sees nothing of it in index.cts.
    if (status === 0) writeFileSync(join(root, 'dist', 'index.d.cts'), requireTypes);
    progress.end(status === 0 ? 'done' : 'failed');
    if (status !== 0) throw new SetupError(`lib/ does not compile:\n${tail(output)}`, { fix: 'npm run typecheck' });
  });
}

// In a child: a binary that crashes when it is loaded must not take the set-up down with it.
async function checkLoads(): Promise<void> {
  const code = "import('torch-clip').catch((error) => { console.error(error.message); process.exit(1); })";
  const { status, output } = await run(process.execPath, ['-e', code], { cwd: root });
  if (status === 0) return;
  throw new SetupError(`the binary was built but cannot be loaded:\n${tail(output)}`, { fix: 'npm run build' });
}
