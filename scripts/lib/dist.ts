// What is published of lib/: the declarations of each file, and the code in a few files, since a program that imports the package
// opens each of them at once: some hundreds take longer, and fail where few files may be open (ulimit -n).
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { run, SetupError, tail } from '../../lib/setup/child-process.js';

// What is loaded by its path, each beside the package's folder or where package.json says.
const entries = {
  index: 'lib/index.ts',
  realm: 'lib/realm.ts', // by index.cjs
  worker: 'lib/data/workers/worker.ts', // by the DataLoader, from beside the code that starts it
  'cli/main': 'lib/cli/main.ts',
};

const requireTypes = "export * from './index.js';\nexport { default } from './index.js';\n";

/** Makes dist/ anew. */
export async function buildDist(root: string): Promise<void> {
  const dist = join(root, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, output } = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
  if (status !== 0) throw new SetupError(`lib/ does not compile:\n${tail(output)}`, { fix: 'npm run typecheck' });
  const common: esbuild.BuildOptions = {
    absWorkingDir: root,
    outdir: dist,
    platform: 'node',
    target: 'node20',
    // Classes print their names, which a bundler changes where two are alike.
    keepNames: true,
    logLevel: 'silent',
  };
  const code = esbuild.build({
    ...common,
    entryPoints: entries,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    chunkNames: 'part-[hash]',
  });
  const required = esbuild.build({
    ...common,
    entryPoints: ['lib/index.cts'],
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
  });
  try {
    await Promise.all([code, required]);
  } catch (error) {
    throw new SetupError(`lib/ cannot be bundled:\n${(error as Error).message}`, { fix: 'npm run typecheck' });
  }
  // What require() gives has the types of what import gives; the compiler sees nothing of it in index.cts.
  writeFileSync(join(dist, 'index.d.cts'), requireTypes);
}
