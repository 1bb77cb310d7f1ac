// The part of scripts/prebuild.mjs that needs the npm packages.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command } from 'commander';
import prebuildify from 'prebuildify';
import { fetchLibtorch } from '../../lib/setup/fetch.js';
import { findLibtorch, type Libtorch, LibtorchError, releases, series } from '../../lib/setup/libtorch.js';

/** The newest symbols that a prebuilt binary may need: those of RHEL 9; Ubuntu 22.04 and Debian 12 are newer. */
const baseline: Record<string, string> = { GLIBC: '2.34', GLIBCXX: '3.4.29' };
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
      const file = await build(await libtorchFor(minor, flavour));
      console.log(`${file}: ${statSync(file).size} bytes, ${needsOf(file)}`);
    }
  }
  const loader = join(prebuilds, 'loader.node');
  console.log(`${loader}: ${statSync(loader).size} bytes, ${needsOf(loader)}`);
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
    const fetched = await fetchLibtorch({ version, variant: flavour === 'cpu' ? 'cpu' : 'cu130' });
    if (accept(fetched) !== undefined) program.error(`no torch ${version} (${flavour}) can be had here`);
    return fetched;
  }
}

/** Builds in a copy: node-gyp, which prebuildify runs, empties the build folder of where it works. */
async function build(libtorch: Libtorch): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'torch-clip-prebuild-'));
  try {
    const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'CMakeLists.txt', 'binding.gyp'];
    const folders = ['native', 'scripts/setup.mjs', 'scripts/lib', 'lib'];
    for (const path of [...files, ...folders]) cpSync(join(root, path), join(copy, path), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    process.env.TORCH_CLIP_LIBTORCH = libtorch.root;
    // node-gyp downloads Node's headers unless it is shown them.
    const prefix = dirname(dirname(process.execPath));
    if (existsSync(join(prefix, 'include', 'node'))) process.env.npm_config_nodedir ??= prefix;
    const name = `torch${series(libtorch.version)}-${libtorch.flavour}`;
    const artifacts = join(copy, 'build', 'Release', 'loader');
    const options = { cwd: copy, out: root, name, artifacts, napi: true, strip: true };
    await promisify(prebuildify)({ ...options, targets: [process.versions.node] });
    execFileSync('strip', ['-x', join(prebuilds, 'loader.node')]); // prebuildify strips the binary only
    return join(prebuilds, `${name}.node`);
  } finally {
    delete process.env.TORCH_CLIP_LIBTORCH;
    rmSync(copy, { recursive: true, force: true });
  }
}

/** The newest version of each system library's symbols in a binary; ends the process where one is beyond the baseline. */
function needsOf(file: string): string {
  if (process.platform !== 'linux') return 'not checked';
  const symbols = execFileSync('objdump', ['-T', file], { encoding: 'utf8', maxBuffer: 1e8 });
  const needs = Object.entries(baseline).map(([library, allowed]) => {
    const versions = [...symbols.matchAll(new RegExp(`\\(${library}_([\\d.]+)\\)`, 'g'))].map(
      ([, version]) => version!,
    );
    const newest = versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '0';
    if (newest.localeCompare(allowed, 'en', { numeric: true }) > 0) {
      program.error(`${file} needs ${library}_${newest}, and prebuilt binaries may need ${library}_${allowed} at most`);
    }
    return `${library}_${newest}`;
  });
  return `needs ${needs.join(' and ')}`;
}
