// A build of the addon that a sanitizer watches, and the environment of a process on it. Node.js and libtorch are as they
// are: what is watched is the addon's own code and, with AddressSanitizer, every block of memory that anybody in the
// process allocates, reads through a function of the C library, or gives back.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibtorch } from '../../../lib/setup/libtorch.js';
import { programPath } from '../../../lib/setup/programs.js';

/** AddressSanitizer with UndefinedBehaviorSanitizer, or ThreadSanitizer. */
export type Sanitizer = 'address' | 'thread';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
const output = (sanitizer: Sanitizer) => join(root, 'build', 'sanitize', sanitizer);
const suppressions = fileURLToPath(new URL('tsan.supp', import.meta.url));

const flags: Record<Sanitizer, string> = {
  // Functions of other types are what C libraries call callbacks through; alignment is libtorch's affair.
  address:
    '-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=vptr,alignment -D_GLIBCXX_ASSERTIONS',
  thread: '-fsanitize=thread',
};
const libraries: Record<Sanitizer, string[]> = {
  address: ['libasan.so', 'libubsan.so', 'libstdc++.so.6'],
  thread: ['libtsan.so', 'libstdc++.so.6'],
};

/** Builds the addon in build/sanitize; whether it could. */
export function build(sanitizer: Sanitizer): boolean {
  const options = {
    CMAKE_BUILD_TYPE: 'None',
    // Most of the time goes into libtorch's headers.
    CMAKE_UNITY_BUILD: 'ON',
    CMAKE_UNITY_BUILD_BATCH_SIZE: '12',
    CMAKE_CXX_FLAGS: `-O1 -g1 ${flags[sanitizer]} -fno-omit-frame-pointer -DTORCH_CLIP_SANITIZE`,
    TORCH_CLIP_LIBTORCH: findLibtorch().root,
    TORCH_CLIP_OUTPUT: output(sanitizer),
  };
  const definitions = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  const generator = programPath('ninja') ? ['-G', 'Ninja'] : [];
  const folder = join(output(sanitizer), 'cmake');
  const cmake = (...args: string[]) => spawnSync('cmake', args, { cwd: root, stdio: 'inherit' }).status === 0;
  return (
    cmake('-S', root, '-B', folder, ...generator, ...definitions, '--log-level=WARNING') &&
    cmake('--build', folder, '--parallel', String(availableParallelism()))
  );
}

/** The environment of a process on the watched build. */
export function sanitized(sanitizer: Sanitizer): NodeJS.ProcessEnv {
  // The runtime libraries must be there before Node.js itself.
  const path = (name: string) =>
    spawnSync(process.env.CXX ?? 'c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim();
  return {
    TORCH_CLIP_BINARY: join(output(sanitizer), 'torch_clip.node'),
    LD_PRELOAD: libraries[sanitizer].map(path).join(' '),
    // Node.js leaves what it has at its end; V8's own tricks with addresses are not for its allocator to judge.
    ASAN_OPTIONS:
      'detect_leaks=0:alloc_dealloc_mismatch=0:new_delete_type_mismatch=0:detect_odr_violation=0:intercept_tls_get_addr=0:' +
      'allocator_may_return_null=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    // Node.js and libtorch synchronise by instructions that ThreadSanitizer has not seen.
    TSAN_OPTIONS: `ignore_noninstrumented_modules=1:report_signal_unsafe=0:halt_on_error=1:suppressions=${suppressions}`,
  };
}
