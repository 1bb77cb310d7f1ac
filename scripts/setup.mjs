// Makes a clone ready: npm packages, libtorch, the native build, dist/. What is ready already is left alone.
//   --build   build again even where nothing seems to have changed
//   --native  libtorch and the native build only
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchLibtorch } from './lib/fetch-libtorch.mjs';
import { findLibtorch, LibtorchError } from './lib/libtorch.mjs';
import { buildNative } from './lib/native.mjs';
import { ensurePackages } from './lib/npm.mjs';
import { Progress, run, SetupError, tail } from './lib/run.mjs';
import { digest, unlessStamped } from './lib/stamp.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

async function main(args) {
  const force = args.includes('--build');
  checkNode();
  await ensurePackages(root);
  const built = await buildNative(root, await ensureLibtorch(), { force });
  if (args.includes('--native')) return;
  await buildTypeScript(force);
  if (built) await checkLoads();
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(`Node.js ${process.versions.node} is too old: 20.19 or newer is needed`, {
    mend: 'install a newer one: https://nodejs.org',
  });
}

async function ensureLibtorch() {
  try {
    return findLibtorch();
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    if (process.env.TORCH_CLIP_LIBTORCH || process.env.LIBTORCH) {
      throw new SetupError(error.message, {
        tried: error.tried,
        mend: 'set it to the folder that holds lib and include, or unset it to have libtorch fetched',
      });
    }
    await fetchLibtorch();
    return findLibtorch();
  }
}

function buildTypeScript(force) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const key = digest(root, [
    'lib',
    'scripts/lib/libtorch.d.mts',
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
  ]);
  const done = { stamp: join(root, 'build', 'dist.stamp'), key, outputs: [join(root, 'dist', 'index.js')] };
  return unlessStamped({ ...done, force }, async () => {
    const progress = new Progress('TypeScript build');
    rmSync(join(root, 'dist'), { recursive: true, force: true });
    const { status, output } = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
    progress.end(status === 0 ? 'done' : 'failed');
    if (status !== 0) throw new SetupError(`lib/ does not compile:\n${tail(output)}`, { mend: 'npm run typecheck' });
  });
}

// In a child: a binary that crashes when it is loaded must not take the set-up down with it.
async function checkLoads() {
  const code = "import('torch-clip').catch((error) => { console.error(error.message); process.exit(1); })";
  const { status, output } = await run(process.execPath, ['-e', code], { cwd: root });
  if (status === 0) return;
  throw new SetupError(`the binary was built but cannot be loaded:\n${tail(output)}`, { mend: 'npm run build' });
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof SetupError ? String(error) : error);
  process.exit(1);
});
