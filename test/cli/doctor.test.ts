import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { hasNvidiaDriver } from '../../lib/binding/resolve.js';
import { type Diagnosis, diagnose } from '../../lib/cli/doctor.js';
import { cudaVerdict, nvidia } from '../../lib/cli/nvidia.js';
import { series } from '../../lib/setup/libtorch.js';
import { versionOf } from '../../lib/setup/root.js';
import { Fixture, localBuild } from '../setup/fixture.js';
import { torchClip } from './run.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { libtorch } = localBuild();

describe('torch-clip doctor', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
  });
  afterEach(() => f.remove());

  const here = () => ({ PATH: f.bin, TORCH_CLIP_CACHE: f.path('cache'), TORCH_CLIP_LIBTORCH: libtorch.root });

  it('says what it found, that it works, and why CUDA does not, on a machine without a GPU', async function () {
    if (hasNvidiaDriver()) return this.skip();
    const { status, stdout, stderr } = await torchClip(['doctor'], here()).ended;
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const rows = stdout.split('\n');
    const row = (name: string) => rows.find((line) => line.startsWith(name))?.slice(12);
    expect(row('platform')).to.match(
      new RegExp(`^${process.platform}-${process.arch}, \\w+ \\S+, (glibc 2\\.\\d+|musl)$`),
    );
    expect(row('Node.js')).to.equal(`${process.versions.node}, ${process.execPath}`);
    expect(row('libtorch')).to.equal(`${libtorch.version} (${libtorch.flavour}), ${libtorch.root}`);
    expect(stdout).to.include('found through TORCH_CLIP_LIBTORCH');
    expect(row('binary')).to.equal(join(root, 'build/Release/torch_clip.node'));
    expect(stdout).to.match(/the local build, made for torch 2\.\d+ \(\w+\) as the libtorch is/);
    expect(row('loads')).to.equal('yes, tried in a process of its own');
    expect(row('driver')).to.equal('none');
    expect(row('CUDA')).to.equal('not usable: there is no NVIDIA driver');
    expect(rows.at(-2)).to.equal('It works.');
  });

  it('tells by its exit code, and as JSON', async () => {
    const env = { ...here(), TORCH_CLIP_LIBTORCH: f.path('nothing') };
    const [broken, cuda] = await Promise.all([
      torchClip(['doctor', '--json'], env).ended,
      torchClip(['doctor', '--cuda'], here()).ended,
    ]);
    expect(broken.status).to.equal(1);
    const { loads, error, libtorch: none } = JSON.parse(broken.stdout) as Diagnosis;
    expect({ loads, code: error?.code, none }).to.deep.equal({
      loads: false,
      code: 'ERR_LIBTORCH_NOT_FOUND',
      none: null,
    });
    expect(cuda.status).to.equal(1);
    expect(cuda.stdout).to.include('It works, on the CPU only.');
  });

  it('still says which libtorch is there where no binary fits it', () => {
    const folder = dirname(f.write('package/package.json', '{ "name": "torch-clip", "version": "1.2.3" }'));
    f.wheel('cache/libtorch-2.12.1-cpu', '2.12.1');
    const found = diagnose(folder, { PATH: f.bin, TORCH_CLIP_CACHE: f.path('cache') });
    expect(found).to.deep.include({ torchClip: '1.2.3', binary: null, loads: false });
    expect(found.libtorch).to.include({ version: '2.12.1', flavour: 'cpu', place: 'the cache' });
    expect(found.error).to.include({ code: 'ERR_BINARY_NOT_FOUND' });
  });

  it('reads driver and GPUs from nvidia-smi', () => {
    f.program('nvidia-smi', 'echo "580.65.06, NVIDIA H200, 9.0, 143771 MiB"');
    const { driver, gpus, cuda } = diagnose(root, here());
    expect(driver).to.equal('580.65.06');
    expect(gpus).to.deep.equal([{ name: 'NVIDIA H200', capability: '9.0', memory: '143771 MiB' }]);
    if (libtorch.flavour === 'cpu') expect(cuda.reason).to.equal('the libtorch is a CPU build');
  });

  it("keeps nvidia-smi's own words, and waits two seconds for them", () => {
    f.program(
      'nvidia-smi',
      'echo "Failed to initialize NVML: Driver/library version mismatch"; echo "NVML library version: 580.95"; exit 18',
    );
    const { nvidiaSmi, cuda } = diagnose(root, here());
    expect(nvidiaSmi).to.equal(
      'Failed to initialize NVML: Driver/library version mismatch, NVML library version: 580.95',
    );
    if (!hasNvidiaDriver()) expect(cuda.reason).to.equal(`nvidia-smi fails: ${nvidiaSmi}`);
    f.program('nvidia-smi', 'exec sleep 60');
    expect(nvidia({ PATH: `${f.bin}:/usr/bin:/bin` }).said).to.equal('no answer within 2 s');
  });

  it('names the binaries that are there where a variable names no libtorch', async () => {
    const { stdout } = await torchClip(['doctor'], { ...here(), TORCH_CLIP_LIBTORCH: '/nope' }).ended;
    expect(stdout).to.match(/binary +none chosen\n +\S+torch_clip\.node, for torch 2\.\d+ \(\w+\)\n/);
    expect(stdout).to.match(/passed over TORCH_CLIP_LIBTORCH=\/nope: there is no libtorch in it\n/);
    expect(stdout).to.include('correct or unset TORCH_CLIP_LIBTORCH');
  });

  it('says so where no process could be started to try it', async () => {
    const { stdout } = await torchClip(['doctor'], { ...here(), TORCH_CLIP_TRIAL: '1' }).ended;
    expect(stdout).to.match(/\nloads {7}unknown: no process could be started to try it\n/);
  });

  it('reports a CUDA libtorch that was left because no binary fits it, and how to build one', () => {
    const [version, flavour] = [libtorch.version, 'cu13'];
    const folder = dirname(
      f.write('package/package.json', `{ "name": "torch-clip", "version": "${versionOf(root)}" }`),
    );
    f.wheel(`cache/libtorch-${version}-${flavour}`, `${version}+cu130`, { cuda: true });
    f.wheel('cache/libtorch-2.10.0-cpu', '2.10.0');
    f.program('nvidia-smi', 'echo "580.65.06, NVIDIA H200, 9.0, 143771 MiB"');
    const binary = f.write(`package/prebuilds/${process.platform}-${process.arch}/torch${series(version)}-cpu.node`);
    copyFileSync(join(root, 'build/Release/torch_clip.node'), binary);
    copyFileSync(join(root, 'build/Release/loader/loader.node'), join(dirname(binary), 'loader.node'));
    f.python(libtorch.root);
    const found = diagnose(folder, { PATH: f.bin, TORCH_CLIP_CACHE: f.path('cache') });
    expect(found.libtorch).to.include({ place: 'python3' });
    expect(found.passedOver.join('\n')).to.match(
      /cu13\/torch: torch .* \(cu13\), but there are binaries for [\s\S]*2\.10\.0 is not one of/,
    );
    expect(found.cuda).to.deep.include({
      reason: `the CUDA libtorch in ${f.path(`cache/libtorch-${version}-cu13/torch`)} is not used: there is no binary for it`,
      fix: `npx torch-clip build cuda --torch ${series(version)}`,
    });
  });

  const gpu = { name: 'NVIDIA H200', capability: '9.0', memory: '143771 MiB' };
  const cudaTorch = { root: '/t', version: '2.14.1', flavour: 'cu13' };
  const binary = { addon: '/a', loader: '/l', origin: 'a prebuilt binary', torch: '2.14', flavour: 'cu13' };
  const tried = { name: 'NVIDIA H200', major: 9, minor: 0, totalMemory: 1e11 };
  const said = { version: '2.14.1', compiledFor: '2.14.1', package: '0.1.0', cudaBuilt: true };
  const answer = { ...said, cuda: { gpus: [tried] } };
  const none = { ...said, cuda: { gpus: [], error: 'CUDA error: system not yet initialized' } };
  const cpu = { ...said, cudaBuilt: false };
  const machine = { driver: '580.65.06', gpus: [gpu] };
  const working = { ...machine, libtorch: cudaTorch, binary, answer, loads: true };
  const old = { gpus: [{ ...gpu, name: 'Tesla V100', capability: '7.0' }], answer: none };
  const turing = { ...tried, name: 'Tesla T4', major: 7, minor: 5 };
  const verdicts: [string, Parameters<typeof cudaVerdict>[0], string | undefined, string?][] = [
    ['all is there', working, undefined],
    ['a driver without nvidia-smi', { ...working, gpus: [] }, undefined],
    ['CUDA works where nvidia-smi does not', { ...working, driver: undefined, gpus: [], said: 'no' }, undefined],
    ['no driver', { ...working, driver: undefined, gpus: [], answer: none }, 'there is no NVIDIA driver'],
    [
      'nvidia-smi and kernel that do not fit',
      { ...working, driver: undefined, gpus: [], said: 'Driver/library version mismatch', answer: none },
      'nvidia-smi fails: Driver/library version mismatch',
    ],
    [
      'a driver that is too old',
      { ...working, driver: '550.54.15', answer: none },
      'the NVIDIA driver 550.54.15 is too old for CUDA 13',
      'install driver 580 or newer',
    ],
    ['a GPU that CUDA refuses', { ...working, answer: none }, 'CUDA says: CUDA error: system not yet initialized'],
    [
      'a driver without a GPU',
      { ...working, gpus: [], said: 'No devices were found', answer: none },
      'CUDA says: CUDA error: system not yet initialized; nvidia-smi says: No devices were found',
    ],
    [
      'a GPU that is too old',
      { ...working, ...old },
      'Tesla V100 has compute capability 7.0, and the binary was compiled for 8.0, 8.6, 8.9, 9.0, 10.0 and newer',
    ],
    [
      'a GPU that a build could be made for',
      { ...working, answer: { ...said, cuda: { gpus: [turing] } } },
      'Tesla T4 has compute capability 7.5, and the binary was compiled for 8.0, 8.6, 8.9, 9.0, 10.0 and newer',
      'TORCH_CLIP_CUDA_ARCHS=75 npx torch-clip build cuda',
    ],
    [
      'a build for another generation',
      { ...working, binary: { ...binary, cudaArchs: '80;100' } },
      'NVIDIA H200 has compute capability 9.0, and the binary was compiled for 8.0, 10.0 and newer',
      'TORCH_CLIP_CUDA_ARCHS=90 npx torch-clip build cuda',
    ],
    [
      'a build for an older GPU of its generation',
      { ...working, answer: { ...said, cuda: { gpus: [{ ...tried, major: 8, minor: 7 }] } } },
      undefined,
    ],
    [
      'a GPU of after the last generation',
      { ...working, answer: { ...said, cuda: { gpus: [{ ...tried, major: 12 }] } } },
      undefined,
    ],
    [
      'a CPU libtorch',
      { ...working, libtorch: { ...cudaTorch, flavour: 'cpu' }, answer: cpu },
      'the libtorch is a CPU build',
      'npx torch-clip install cu130',
    ],
    [
      'a CPU libtorch before a CUDA one that a binary fits',
      { ...working, libtorch: { ...cudaTorch, flavour: 'cpu' }, other: { ...cudaTorch, fits: true }, answer: cpu },
      'the CUDA libtorch in /t is not used: another one comes before it',
      "export TORCH_CLIP_LIBTORCH='/t'",
    ],
    [
      'a CPU binary',
      { ...working, binary: { ...binary, flavour: 'cpu' }, answer: cpu },
      'the binary is a CPU build',
      'npx torch-clip build cuda --torch 2.14',
    ],
    ['a binary that does not load', { ...working, answer: undefined, loads: false }, 'the binary cannot be loaded'],
    ['no trial', { ...working, answer: undefined }, 'no process could be started to try it'],
  ];
  for (const [title, facts, reason, fix] of verdicts) {
    it(`judges CUDA: ${title}`, () => {
      expect(cudaVerdict(facts)).to.deep.equal(
        reason === undefined ? { usable: true } : { usable: false, reason, fix },
      );
    });
  }
});
