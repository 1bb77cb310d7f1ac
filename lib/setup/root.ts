import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TorchClipError } from '../errors.js';
import { objectOf } from './files.js';
import { type Libtorch, series } from './libtorch.js';

/**
 * The package's own folder, which holds its binaries. Code that a bundler has put elsewhere cannot know it.
 *
 * @param url of this module: in lib/setup, or in dist.
 */
export function packageRoot(url: string | undefined = import.meta.url): string {
  const folder = url?.startsWith('file:') ? dirname(fileURLToPath(url)) : undefined;
  if (folder !== undefined) {
    const root = basename(folder) === 'dist' ? dirname(folder) : join(folder, '..', '..');
    if (objectOf(join(root, 'package.json')).name === 'torch-clip') return root;
  }
  throw new TorchClipError(
    'ERR_BUNDLED',
    `torch-clip was bundled into ${url ?? 'a CommonJS file'}, away from its native binary; keep it external: ` +
      '--external:torch-clip with esbuild, external: ["torch-clip"] in Rollup, Vite (ssr) and tsup, ' +
      'externals in webpack, serverExternalPackages in Next.js',
  );
}

/** The version of the package in a folder. */
export function versionOf(root: string): string {
  return String(objectOf(join(root, 'package.json')).version);
}

/** The command that fetches a libtorch of this version and flavour. */
export function installOf({ version, flavour }: Pick<Libtorch, 'version' | 'flavour'>): string {
  return `npx torch-clip install ${flavour === 'cpu' ? 'cpu' : 'cu130'} --torch ${series(version)}`;
}

/** The command that compiles the binary for a libtorch of this version and flavour. */
export function buildFor({ version, flavour }: Pick<Libtorch, 'version' | 'flavour'>): string {
  return `npx torch-clip build ${flavour === 'cpu' ? 'cpu' : 'cuda'} --torch ${series(version)}`;
}

/** The commands that fix an installation: a clone has npm scripts, an installed package its own program. */
export function commands(root: string): { install: string; build: string } {
  return existsSync(join(root, 'scripts', 'setup.mjs'))
    ? { install: 'npm run setup', build: 'npm run build' }
    : { install: 'npx torch-clip install', build: 'npx torch-clip build' };
}
