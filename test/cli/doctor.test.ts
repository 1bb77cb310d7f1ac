import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { hasNvidiaDriver } from '../../lib/binding/resolve.js';
import { type Diagnosis, diagnose } from '../../lib/cli/doctor.js';
import { cudaVerdict } from '../../lib/cli/nvidia.js';
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
    expect(cuda.stdout).to.include('It works.');
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

  const gpu = { name: 'NVIDIA H200', capability: '9.0', memory: '143771 MiB' };
  const cudaTorch = { root: '/t', version: '2.14.1', flavour: 'cu13' };
  const binary = { addon: '/a', loader: '/l', origin: 'a prebuilt binary', torch: '2.14', flavour: 'cu13' };
  const working = { driver: '580.65.06', gpus: [gpu], libtorch: cudaTorch, binary, cudaBuilt: true, loads: true };
  const verdicts: [string, Parameters<typeof cudaVerdict>[0], string | undefined, string?][] = [
    ['all is there', working, undefined],
    ['no driver', { ...working, driver: undefined, gpus: [] }, 'there is no NVIDIA driver'],
    [
      'a driver that is too old',
      { ...working, driver: '550.54.15' },
      'the NVIDIA driver 550.54.15 is too old for CUDA 13',
      'install driver 580 or newer',
    ],
    [
      'a driver without a GPU',
      { ...working, gpus: [] },
      'the NVIDIA driver shows no GPU',
      'look at what nvidia-smi prints',
    ],
    [
      'a GPU that is too old',
      { ...working, gpus: [{ ...gpu, name: 'Tesla V100', capability: '7.0' }] },
      'Tesla V100 has compute capability 7.0, and 8.0 is the least',
    ],
    [
      'a CPU libtorch',
      { ...working, libtorch: { ...cudaTorch, flavour: 'cpu' } },
      'the libtorch is a CPU build',
      'npx torch-clip install cu130',
    ],
    [
      'a CPU binary',
      { ...working, binary: { ...binary, flavour: 'cpu' } },
      'the binary is a CPU build',
      'npx torch-clip build cuda',
    ],
    ['a binary that does not load', { ...working, loads: false }, 'the binary cannot be loaded'],
  ];
  for (const [title, facts, reason, mend] of verdicts) {
    it(`judges CUDA: ${title}`, () => {
      expect(cudaVerdict(facts)).to.deep.equal(
        reason === undefined ? { usable: true } : { usable: false, reason, mend },
      );
    });
  }
});
