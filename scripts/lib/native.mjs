// The native build: done only when something that goes into it has changed.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { onPath } from './fetch-libtorch.mjs';
import { bar, Progress, run, SetupError, tail } from './run.mjs';

const outputs = ['torch_clip.node', 'torch_clip_loader.node', 'torch_clip.json'];

/** A digest of the files (folders: of all files in them) and words that an output is made from. */
export function digest(root, paths, words = []) {
  const hash = createHash('sha256').update(words.join('\n'));
  const visit = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) visit(join(path, name));
    } else {
      hash.update(`\n${path}\n`).update(readFileSync(full));
    }
  };
  paths.forEach(visit);
  return hash.digest('hex');
}

/** Runs `make` unless `stamp` holds `key` and every output exists. Returns whether it ran. */
export async function unlessStamped({ stamp, key, outputs, force = false }, make) {
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === key && outputs.every((path) => existsSync(path));
  if (fresh && !force) return false;
  rmSync(stamp, { force: true });
  await make();
  writeFileSync(stamp, key);
  return true;
}

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
    const common = ['--out', join(root, 'build', 'cmake'), `--CDTORCH_CLIP_LIBTORCH=${libtorch.root}`];
    let result;
    for (const args of [['configure'], ['build', '--parallel', String(availableParallelism())]]) {
      result = await run(process.execPath, [cmake, ...args, ...common], {
        cwd: root,
        env,
        onLine: (line) => progress.say(step(line)),
      });
      if (result.status !== 0) break;
    }
    progress.end(result.status === 0 ? 'done' : 'failed');
    if (result.status !== 0)
      throw new SetupError(`the native build failed:\n${firstErrors(result.output)}`, mend(result.output));
  });
}

/** Ninja's `[3/40] ...` or make's `[ 12%] ...` as a bar; other lines as they are. */
export function step(line) {
  const [, done, all] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
  const [, percent] = /^\[ *(\d+)%\]/.exec(line) ?? [];
  if (all !== undefined) return `${bar(done / all)} ${done} of ${all}`;
  return percent === undefined ? line : bar(percent / 100);
}

// The compiler's first error says more than the build tool's last line.
function firstErrors(output) {
  const lines = output.split('\n');
  const at = lines.findIndex((line) => /\berror:|CMake Error|fatal error/i.test(line));
  return at < 0 ? tail(output) : lines.slice(at, at + 15).join('\n');
}

function mend(output) {
  if (/No space left/i.test(output)) return { mend: 'free some room on this disk, then: npm run build' };
  if (/Killed|out of memory/i.test(output)) return { mend: 'free some memory, then: npm run build' };
  return { mend: 'npm run build' };
}

/** Refuses, with the command that helps, where CMake or a C++ compiler is missing. */
export async function checkTools(env = process.env) {
  const { status, output } = onPath('cmake', env) ? await run('cmake', ['--version'], { env }) : { status: -1 };
  const [major, minor] = /(\d+)\.(\d+)/
    .exec(output ?? '')
    ?.slice(1)
    .map(Number) ?? [0, 0];
  const install = process.platform === 'darwin' ? 'brew install' : 'sudo apt-get install';
  if (status !== 0) {
    throw new SetupError('CMake was not found', { tried: ['cmake on the PATH'], mend: `${install} cmake` });
  }
  if (major < 3 || (major === 3 && minor < 20)) {
    throw new SetupError(`CMake ${major}.${minor} is too old: 3.20 or newer is needed`, {
      mend: 'pip install --upgrade cmake',
    });
  }
  const compilers = env.CXX ? [env.CXX] : ['c++', 'g++', 'clang++'];
  if (!compilers.some((name) => (name.includes('/') ? existsSync(name) : onPath(name, env)))) {
    throw new SetupError('no C++ compiler was found', {
      tried: [env.CXX ? `CXX=${env.CXX}` : `${compilers.join(', ')} on the PATH (CXX is not set)`],
      mend: process.platform === 'darwin' ? 'xcode-select --install' : `${install} g++`,
    });
  }
}
