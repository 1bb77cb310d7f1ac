// The part of scripts/prebuild.mjs that needs the npm packages.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command } from 'commander';
import prebuildify from 'prebuildify';
import { fetchLibtorch } from '../../lib/setup/fetch.js';
import { findLibtorch, type Libtorch, LibtorchError, releases, series } from '../../lib/setup/libtorch.js';
import { needsOf } from './baseline.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const prebuilds = join(root, 'prebuilds', `${process.platform}-${process.arch}`);

const list = (text: string) => text.split(',');
const program = new Command('npm run prebuild --')
  .requiredOption('--torch <versions>', `of ${Object.keys(releases).join(',')}`, list)
  .option('--variant <variants>', 'of cpu,cu13', list, ['cpu']);

/** The command: its arguments are those of the process. */
export async function prebuild(argv: string[]): Promise<void> {
  const { torch, variant } = program.parse(argv).opts<{ torch: string[]; variant: string[] }>();
  for (const flavour of variant) {
    for (const minor of torch) {
      const libtorch = await libtorchFor(minor, flavour);
      try {
        await build(libtorch);
      } catch (error) {
        program.error((error as Error).message);
      }
    }
  }
}

async function libtorchFor(minor: string, flavour: string): Promise<Libtorch> {
  const version = releases[minor];
  if (version === undefined || !['cpu', 'cu13'].includes(flavour)) {
    program.error(
      `there is no torch ${minor} (${flavour}): --torch of ${Object.keys(releases)}, --variant of cpu, cu13`,
    );
  }
  const accept = (found: Libtorch) =>
    series(found.version) === minor && found.flavour === flavour ? undefined : 'not the one wanted';
  try {
    return findLibtorch({ accept });
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    const fetched = await fetchLibtorch({ version, variant: flavour === 'cpu' ? 'cpu' : 'cu130', tagged: true });
    if (accept(fetched) !== undefined) program.error(`no torch ${version} (${flavour}) can be had here`);
    return fetched;
  }
}

/**
 * Builds in a copy, because node-gyp, which prebuildify runs, empties the build folder of where it works; and the copy lies
 * here, because a file cannot be moved out of a /tmp that is another file system.
 */
async function build(libtorch: Libtorch): Promise<void> {
  const name = `torch${series(libtorch.version)}-${libtorch.flavour}.node`;
  // If it is refused, no older binary may remain in its place.
  rmSync(join(prebuilds, name), { force: true });
  mkdirSync(join(root, 'build'), { recursive: true });
  const copy = mkdtempSync(join(root, 'build', 'prebuild-'));
  const before = process.env.TORCH_CLIP_LIBTORCH;
  try {
    const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'CMakeLists.txt', 'binding.gyp'];
    const folders = ['native', 'scripts/setup.mjs', 'scripts/lib', 'lib'];
    for (const path of [...files, ...folders]) cpSync(join(root, path), join(copy, path), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    process.env.TORCH_CLIP_LIBTORCH = libtorch.root;
    // node-gyp downloads Node's headers unless it is given them.
    const prefix = dirname(dirname(process.execPath));
    if (existsSync(join(prefix, 'include', 'node'))) process.env.npm_config_nodedir ??= prefix;
    const artifacts = join(copy, 'build', 'Release', 'loader');
    const options = { cwd: copy, out: copy, name: name.replace('.node', ''), artifacts, napi: true, strip: true };
    await promisify(prebuildify)({ ...options, targets: [process.versions.node] });
    const made = join(copy, 'prebuilds', `${process.platform}-${process.arch}`);
    execFileSync('strip', ['-x', join(made, 'loader.node')]); // prebuildify strips the binary only
    const paths = [name, 'loader.node'].map((file) => join(made, file));
    const lines = paths.map(
      (path) => `${join(prebuilds, basename(path))}: ${statSync(path).size} bytes, ${checked(path)}`,
    );
    mkdirSync(prebuilds, { recursive: true });
    for (const path of paths) renameSync(path, join(prebuilds, basename(path)));
    console.log(lines.join('\n'));
  } finally {
    if (before === undefined) delete process.env.TORCH_CLIP_LIBTORCH;
    else process.env.TORCH_CLIP_LIBTORCH = before;
    rmSync(copy, { recursive: true, force: true });
  }
}

function checked(path: string): string {
  if (process.platform !== 'linux') return 'not checked';
  return needsOf(path, execFileSync('objdump', ['-T', path], { encoding: 'utf8', maxBuffer: 1e8 }));
}
