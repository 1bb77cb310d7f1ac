// npm run test:sanitize -- [globs]: the suite on a build that AddressSanitizer and UndefinedBehaviorSanitizer watch, in
// build/sanitize. Node.js and libtorch are as they are: what is watched is the addon's own code, and every block of memory
// that anybody in the process allocates, reads through a function of the C library, or gives back.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibtorch } from '../../../lib/setup/libtorch.js';
import { programPath } from '../../../lib/setup/programs.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const output = join(root, 'build', 'sanitize');
const folder = join(output, 'cmake');

const given = process.argv.slice(2);
const areas = ['amp', 'autograd', 'clip', 'io', 'nn', 'ops', 'optim', 'tensor'];
const suites = given.length > 0 ? given : ['test/*.test.ts', ...areas.map((area) => `test/${area}/**/*.test.ts`)];

function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): number {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;
}

function build(): boolean {
  const options = {
    CMAKE_BUILD_TYPE: 'None',
    // Functions of other types are what C libraries call callbacks through; alignment is libtorch's affair.
    CMAKE_CXX_FLAGS:
      '-O1 -g1 -fsanitize=address,undefined -fno-sanitize=vptr,alignment -fno-omit-frame-pointer -DTORCH_CLIP_SANITIZE',
    TORCH_CLIP_LIBTORCH: findLibtorch().root,
    TORCH_CLIP_OUTPUT: output,
  };
  const definitions = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  const generator = programPath('ninja') ? ['-G', 'Ninja'] : [];
  const configured = run('cmake', ['-S', root, '-B', folder, ...generator, ...definitions, '--log-level=WARNING']);
  return configured === 0 && run('cmake', ['--build', folder, '--parallel', String(availableParallelism())]) === 0;
}

/** The runtime libraries, which must be there before Node.js itself. */
function runtimes(): string {
  const path = (name: string) =>
    spawnSync(process.env.CXX ?? 'c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim();
  return ['libasan.so', 'libubsan.so', 'libstdc++.so.6'].map(path).join(' ');
}

/** The environment of a process on the watched build. */
export const sanitized = (): NodeJS.ProcessEnv => ({
  TORCH_CLIP_BINARY: join(output, 'torch_clip.node'),
  LD_PRELOAD: runtimes(),
  // Node.js leaves what it has at its end; V8's own tricks with addresses are not for its allocator to judge.
  ASAN_OPTIONS:
    'detect_leaks=0:alloc_dealloc_mismatch=0:new_delete_type_mismatch=0:detect_odr_violation=0:intercept_tls_get_addr=0',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
});

if (build()) {
  const mocha = join('node_modules', 'mocha', 'bin', 'mocha.js');
  process.exitCode = run(process.execPath, [mocha, '--timeout', '1000000', ...suites], sanitized());
} else {
  process.exitCode = 1;
}
