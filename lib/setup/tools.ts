// The tools that the native build needs, and the command that brings each.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run, SetupError } from './child-process.js';
import { programPath } from './programs.js';

const mac = process.platform === 'darwin';

/** The CUDA compiler: the one that is named, the one on the PATH, or that of an installation in the usual folder. */
export function findNvcc(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.CUDACXX) return env.CUDACXX;
  const found = programPath('nvcc', env);
  if (found) return found;
  const path = join(env.CUDA_HOME || env.CUDA_PATH || '/usr/local/cuda', 'bin', 'nvcc');
  return existsSync(path) ? path : undefined;
}

/** Refuses, with the command that helps, where CMake, a build program or a compiler is missing; with `cuda`, CUDA's too. */
export async function checkTools(env: NodeJS.ProcessEnv = process.env, { cuda = false } = {}): Promise<void> {
  const { status, output } = await run('cmake', ['--version'], { env });
  if (status !== 0) {
    throw new SetupError('CMake was not found', {
      tried: ['cmake on the PATH'],
      fix: mac ? 'brew install cmake' : 'sudo apt-get install cmake',
    });
  }
  const [version = '', major, minor] = /(\d+)\.(\d+)/.exec(output) ?? [];
  if (Number(major) < 3 || (Number(major) === 3 && Number(minor) < 20)) {
    throw new SetupError(`CMake ${version} is too old: 3.20 or newer is needed`, {
      fix: 'pip install --upgrade cmake',
    });
  }
  if (!['ninja', 'make'].some((name) => programPath(name, env))) {
    throw new SetupError('no build program was found', {
      tried: ['ninja and make on the PATH'],
      fix: mac ? 'brew install ninja' : 'sudo apt-get install ninja-build',
    });
  }
  const compilers = env.CXX ? [env.CXX.split(' ')[0]!] : ['c++', 'g++', 'clang++'];
  if (!compilers.some((name) => (name.includes('/') ? existsSync(name) : programPath(name, env)))) {
    throw new SetupError('no C++ compiler was found', {
      tried: [env.CXX ? `CXX=${env.CXX}` : `${compilers.join(', ')} on the PATH (CXX is not set)`],
      fix: mac ? 'xcode-select --install' : 'sudo apt-get install g++',
    });
  }
  if (cuda && findNvcc(env) === undefined) {
    throw new SetupError('this libtorch is a CUDA build, and the CUDA compiler was not found', {
      tried: ['nvcc on the PATH (CUDACXX is not set)', 'bin/nvcc in CUDA_HOME, CUDA_PATH or /usr/local/cuda'],
      fix: 'install the CUDA 13 toolkit and put its bin folder on the PATH, or build for a CPU libtorch',
    });
  }
}
