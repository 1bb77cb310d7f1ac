// The native build: done only when something that goes into it has changed.
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { run, SetupError, tail } from './child-process.js';
import { makeFolders } from './files.js';
import type { Libtorch } from './libtorch.js';
import { programPath } from './programs.js';
import { bar, Progress } from './progress.js';
import { commands, versionOf } from './root.js';
import { digest, unlessStamped } from './stamp.js';
import { checkTools, findNvcc } from './tools.js';

const outputs = ['torch_clip.node', 'torch_clip.json', 'loader/loader.node'];

export interface BuildOptions {
  env?: NodeJS.ProcessEnv;
  force?: boolean;
  /** Where under the root it is built: a build beside the one that is loaded by default has a folder of its own. */
  folder?: string;
}

/** Builds Release/torch_clip.node in the folder, and the loader, against a libtorch. Returns whether there was anything to do. */
export async function buildNative(
  root: string,
  libtorch: Libtorch,
  { env = process.env, force = false, folder = 'build' }: BuildOptions = {},
): Promise<boolean> {
  const base = join(root, folder);
  const release = join(base, 'Release');
  const cuda = libtorch.flavour !== 'cpu';
  const require = createRequire(join(root, 'package.json'));
  const packages = ['node-api-headers', 'node-addon-api'].map((name) => require.resolve(`${name}/package.json`));
  const key = digest(
    root,
    ['CMakeLists.txt', 'native'],
    [
      ...packages.map((path) => (require(path) as { version: string }).version),
      ...[versionOf(root), libtorch.root, libtorch.version, libtorch.flavour, env.CXX ?? '', process.arch],
      ...(cuda ? [env.CUDACXX ?? '', env.TORCH_CLIP_CUDA_ARCHS ?? ''] : []),
    ],
  );
  const done = { stamp: join(base, 'native.stamp'), key, outputs: outputs.map((name) => join(release, name)) };
  return unlessStamped({ ...done, force }, async () => {
    await checkTools(env, { cuda });
    if (!existsSync(join(libtorch.root, 'include', 'ATen', 'core', 'Tensor.h'))) {
      throw new SetupError(`the libtorch in ${libtorch.root} has no headers to compile against`, {
        fix: 'set TORCH_CLIP_LIBTORCH to a complete libtorch (the torch wheel, or the official archive)',
      });
    }
    makeFolder(release);
    const progress = new Progress(cuda ? 'native build with CUDA' : 'native build');
    const out = join(base, 'cmake');
    const [api, addon] = packages.map((path) => dirname(path));
    const configuration = [
      ...['-S', root, '-B', out, ...(programPath('ninja', env) ? ['-G', 'Ninja'] : [])],
      ...['-DCMAKE_BUILD_TYPE=Release', `-DTORCH_CLIP_LIBTORCH=${libtorch.root}`, `-DTORCH_CLIP_OUTPUT=${release}`],
      // The folder keeps what it was last told: a list that is named no more is taken back.
      ...(cuda
        ? [
            env.TORCH_CLIP_CUDA_ARCHS
              ? `-DTORCH_CLIP_CUDA_ARCHS=${env.TORCH_CLIP_CUDA_ARCHS}`
              : '-UTORCH_CLIP_CUDA_ARCHS',
          ]
        : []),
      `-DNODE_API_INCLUDE=${join(api!, 'include')};${addon}`,
    ];
    const tools = cuda ? { ...env, CUDACXX: findNvcc(env) } : env;
    const cmake = (args: string[]) =>
      run('cmake', args, { cwd: root, env: tools, onLine: (line) => progress.say(phase(line)) });
    let result = await cmake(configuration);
    if (result.status !== 0 && existsSync(out)) {
      rmSync(out, { recursive: true }); // the clone was moved, or the generator has changed
      result = await cmake(configuration);
    }
    if (result.status === 0) result = await cmake(['--build', out, '--parallel', String(availableParallelism())]);
    progress.end(result.status === 0 ? 'done' : 'failed');
    if (result.status !== 0) throw buildError(result.output, commands(root).build);
  });
}

function makeFolder(folder: string): void {
  try {
    makeFolders(folder);
  } catch (error) {
    throw new SetupError(`the folder ${folder} cannot be created: ${(error as NodeJS.ErrnoException).code}`, {
      fix: 'build as a user who may write there',
    });
  }
}

/** Ninja's `[3/40] ...` or make's `[ 12%] ...` as a bar; undefined for any other line. */
export function phase(line: string): string | undefined {
  const [, done, all] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
  const [, percent] = /^\[ *(\d+)%\]/.exec(line) ?? [];
  if (all !== undefined) return `${bar(Number(done) / Number(all))} ${done} of ${all}`;
  return percent === undefined ? undefined : bar(Number(percent) / 100);
}

// The compiler's first error says more than the build tool's last line.
function buildError(output: string, again: string): SetupError {
  const lines = output.split('\n');
  const at = lines.findIndex((line) => /\berror:|CMake Error/i.test(line));
  const said = at < 0 ? tail(output) : lines.slice(at, at + 15).join('\n');
  let fix = again;
  if (/No space left/i.test(output)) fix = `free some room on this disk, then: ${again}`;
  if (/Killed signal|out of memory/i.test(output)) fix = `free some memory, then: ${again}`;
  return new SetupError(`the native build failed:\n${said}`, { fix });
}
