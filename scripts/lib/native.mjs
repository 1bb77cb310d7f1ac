// The native build: done only when something that goes into it has changed.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { bar, Progress, run, SetupError, tail } from './run.mjs';
import { digest, unlessStamped } from './stamp.mjs';
import { checkTools } from './tools.mjs';

const outputs = ['torch_clip.node', 'torch_clip_loader.node', 'torch_clip.json'];

/** Builds build/Release/torch_clip.node against a libtorch. */
export async function buildNative(root, libtorch, { env = process.env, force = false } = {}) {
  const release = join(root, 'build', 'Release');
  const key = digest(
    root,
    [
      'CMakeLists.txt',
      'native',
      'node_modules/node-api-headers/package.json',
      'node_modules/node-addon-api/package.json',
    ],
    [libtorch.root, libtorch.version, libtorch.flavour, env.CXX ?? '', process.arch],
  );
  const done = { stamp: join(root, 'build', 'native.stamp'), key, outputs: outputs.map((name) => join(release, name)) };
  return unlessStamped({ ...done, force }, async () => {
    await checkTools(env);
    if (!existsSync(join(libtorch.root, 'include', 'ATen', 'core', 'Tensor.h'))) {
      throw new SetupError(`the libtorch in ${libtorch.root} has no headers to compile against`, {
        mend: 'set TORCH_CLIP_LIBTORCH to a complete libtorch (the torch wheel, or the official archive)',
      });
    }
    mkdirSync(release, { recursive: true });
    const progress = new Progress('native build');
    const cmake = createRequire(join(root, 'package.json')).resolve('cmake-js/bin/cmake-js');
    const out = join(root, 'build', 'cmake');
    const cmakeJs = (...args) =>
      run(process.execPath, [cmake, ...args, '--out', out, `--CDTORCH_CLIP_LIBTORCH=${libtorch.root}`], {
        cwd: root,
        env,
        onLine: (line) => progress.say(step(line)),
      });
    let result = await cmakeJs('configure');
    if (result.status !== 0 && existsSync(out)) {
      rmSync(out, { recursive: true }); // the clone was moved, or the generator has changed
      result = await cmakeJs('configure');
    }
    if (result.status === 0) result = await cmakeJs('build', '--parallel', String(availableParallelism()));
    progress.end(result.status === 0 ? 'done' : 'failed');
    if (result.status !== 0) throw buildError(result.output);
  });
}

/** Ninja's `[3/40] ...` or make's `[ 12%] ...` as a bar; undefined for any other line. */
export function step(line) {
  const [, done, all] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
  const [, percent] = /^\[ *(\d+)%\]/.exec(line) ?? [];
  if (all !== undefined) return `${bar(done / all)} ${done} of ${all}`;
  return percent === undefined ? undefined : bar(percent / 100);
}

// The compiler's first error says more than the build tool's last line.
function buildError(output) {
  const lines = output.split('\n');
  const at = lines.findIndex((line) => /\berror:|CMake Error/i.test(line));
  const said = at < 0 ? tail(output) : lines.slice(at, at + 15).join('\n');
  let mend = 'npm run build';
  if (/No space left/i.test(output)) mend = `free some room on this disk, then: ${mend}`;
  if (/Killed signal|out of memory/i.test(output)) mend = `free some memory, then: ${mend}`;
  return new SetupError(`the native build failed:\n${said}`, { mend });
}
