import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import torch from '../lib/index.js';
import { refusalOf } from './support.js';

const { backends } = torch;

describe('backends', () => {
  const objects: [string, Record<string, unknown>][] = [
    ['cuda.matmul', backends.cuda.matmul as unknown as Record<string, unknown>],
    ['cudnn', backends.cudnn as unknown as Record<string, unknown>],
    ['mkldnn', backends.mkldnn as unknown as Record<string, unknown>],
    ['nnpack', backends.nnpack as unknown as Record<string, unknown>],
  ];
  for (const [name, object] of objects) {
    for (const key of Object.keys(object).filter((key) => typeof object[key] === 'boolean')) {
      it(`${name}.${key} is set and read, and takes nothing but true and false`, () => {
        const before = object[key];
        try {
          for (const on of [true, false]) {
            object[key] = on;
            expect(object[key]).equal(on);
          }
          for (const value of [1, null, undefined, 'true']) {
            const error = refusalOf(() => {
              object[key] = value;
            });
            expect(error.message).match(new RegExp(`"backends\\.${name}\\.${key}" must be true or false, got `));
            expect(object[key]).equal(false);
          }
        } finally {
          object[key] = before;
        }
      });
    }
    it(`${name} takes no property that it does not have`, () => {
      expect(() => {
        object.allowTf23 = true;
      }).throw(TypeError);
    });
  }

  it('has the defaults of PyTorch', () => {
    // Once another switch was set, in another test, it says as much.
    const { fp32Precision, ...others } = backends.cuda.matmul;
    expect(fp32Precision).oneOf(['none', 'ieee']);
    expect(others).deep.equal({
      allowTf32: false,
      allowFp16ReducedPrecisionReduction: true,
      allowBf16ReducedPrecisionReduction: true,
      allowFp16Accumulation: false,
    });
    expect(backends.cudnn.depthwiseKernel).equal('auto');
    expect(backends.mkldnn.fp32Precision).equal('none');
    const { enabled, benchmark, deterministic, allowTf32 } = backends.cudnn;
    expect([enabled, benchmark, deterministic, allowTf32]).deep.equal([true, false, false, true]);
    expect(backends.mkldnn.enabled).equal(true);
  });

  const words: [string, object, string, readonly string[]][] = [
    ['cudnn', backends.cudnn, 'depthwiseKernel', ['auto', 'cudnn', 'native']],
    ...(['matmul', 'conv', 'rnn'] as const).map(
      (name) =>
        [`mkldnn.${name}`, backends.mkldnn[name], 'fp32Precision', ['none', 'ieee', 'tf32', 'bf16']] as [
          string,
          object,
          string,
          string[],
        ],
    ),
    ['mkldnn', backends.mkldnn, 'fp32Precision', ['none', 'ieee', 'tf32', 'bf16']],
    ['cudnn.conv', backends.cudnn.conv, 'fp32Precision', ['none', 'ieee', 'tf32']],
    ['cudnn.rnn', backends.cudnn.rnn, 'fp32Precision', ['none', 'ieee', 'tf32']],
    ['cuda.matmul', backends.cuda.matmul, 'fp32Precision', ['none', 'ieee', 'tf32']],
    ['cudnn', backends.cudnn, 'fp32Precision', ['none', 'ieee', 'tf32']],
  ];
  for (const [name, object, key, all] of words) {
    it(`${name}.${key} is one of a few words`, () => {
      const setting = object as Record<string, unknown>;
      const before = setting[key];
      try {
        for (const word of all) {
          setting[key] = word;
          expect(setting[key]).equal(word);
        }
        for (const value of ['fp32', 'int8', true, null]) {
          const error = refusalOf(() => {
            setting[key] = value;
          });
          expect(error.message).match(new RegExp(`"backends\\.${name}\\.${key}" must be "${all[0]}", .* got `));
        }
        expect(setting[key]).equal(all.at(-1));
      } finally {
        setting[key] = before;
      }
    });
  }

  it('a general precision holds where no other is set', () => {
    const { mkldnn } = backends;
    try {
      mkldnn.fp32Precision = 'bf16';
      expect(mkldnn.matmul.fp32Precision).equal('bf16');
      mkldnn.matmul.fp32Precision = 'ieee';
      expect([mkldnn.matmul.fp32Precision, mkldnn.conv.fp32Precision]).deep.equal(['ieee', 'bf16']);
    } finally {
      mkldnn.matmul.fp32Precision = 'none';
      mkldnn.fp32Precision = 'none';
    }
  });

  it('flags of words are put back, too', () => {
    const seen = backends.cudnn.flags({ depthwiseKernel: 'native', benchmark: true }, () => [
      backends.cudnn.depthwiseKernel,
      backends.cudnn.benchmark,
    ]);
    expect(seen).deep.equal(['native', true]);
    expect([backends.cudnn.depthwiseKernel, backends.cudnn.benchmark]).deep.equal(['auto', false]);
    expect(refusalOf(() => backends.mkldnn.flags({ fp32Precision: 'x' as never }, () => 0)).code).equal('ERR_ARGUMENT');
  });

  it('oneDNN and oneMKL write their calls while they are asked to', () => {
    const program = `import torch from ${JSON.stringify(new URL('../lib/index.ts', import.meta.url).href)};
      const conv = () => torch.nn.functional.conv2d(torch.ones([8, 16, 32, 32]), torch.ones([32, 16, 3, 3]));
      conv();
      console.log('before');
      console.log(torch.backends.mkldnn.verbose('on', () => conv().shape.join()));
      conv();
      torch.backends.mkldnn.verbose('off', conv);
      torch.backends.mkl.verbose('off', conv);`;
    const { stdout, status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program],
      {
        encoding: 'utf8',
      },
    );
    expect(status, stderr).equal(0);
    expect(stdout).include('8,32,30,30');
    if (backends.mkldnn.isAvailable()) expect(stdout.match(/onednn_verbose.*exec.*convolution/g)).length(1);
    expect(refusalOf(() => backends.mkldnn.verbose('loud' as never, () => 0)).message).equal(
      '"level" must be "off", "on" or "onCreation", got "loud"',
    );
    expect(refusalOf(() => backends.mkl.verbose('onCreation' as never, () => 0)).code).equal('ERR_ARGUMENT');
    expect(refusalOf(() => backends.mkldnn.verbose('on', async () => 0)).code).equal('ERR_ASYNC_SCOPE');
  });

  it('flags are set for one function and put back, also where it throws', () => {
    const before = backends.cudnn.benchmark;
    expect(backends.cudnn.flags({ benchmark: !before }, () => backends.cudnn.benchmark)).equal(!before);
    expect(() =>
      backends.cudnn.flags({ benchmark: !before }, () => {
        throw new Error('mine');
      }),
    ).throw('mine');
    expect(backends.cudnn.benchmark).equal(before);
    expect(refusalOf(() => backends.cudnn.flags({ speed: true } as never, () => 0)).code).equal('ERR_ARGUMENT');
    expect(refusalOf(() => backends.cudnn.flags({ enabled: 1 as never }, () => 0)).code).equal('ERR_ARGUMENT');
    expect(refusalOf(() => backends.mkldnn.flags({}, async () => 0)).code).equal('ERR_ASYNC_SCOPE');
  });

  const sdp = [
    ['flash', backends.cuda.flashSdpEnabled, backends.cuda.enableFlashSdp],
    ['memory-efficient', backends.cuda.memEfficientSdpEnabled, backends.cuda.enableMemEfficientSdp],
    ['math', backends.cuda.mathSdpEnabled, backends.cuda.enableMathSdp],
    ['cuDNN', backends.cuda.cudnnSdpEnabled, backends.cuda.enableCudnnSdp],
    ['16-bit sums', backends.cuda.fp16Bf16ReductionMathSdpAllowed, backends.cuda.allowFp16Bf16ReductionMathSdp],
  ] as const;
  for (const [name, get, set] of sdp) {
    it(`attention: ${name}`, () => {
      const before = get();
      set(!before);
      expect(get()).equal(!before);
      set(before);
      expect(get()).equal(before);
      expect(refusalOf(() => set(1 as never)).message).equal('"enabled" must be true or false, got 1');
    });
  }

  it('says what the libtorch has', () => {
    const config = torch.version.config;
    expect(backends.mkldnn.isAvailable()).equal(/MKL-DNN|oneDNN/i.test(config));
    expect(backends.mkl.isAvailable()).equal(/Intel\(R\) oneAPI Math Kernel Library|Intel\(R\) MKL/i.test(config));
    expect(backends.openmp.isAvailable()).equal(/OpenMP/.test(config));
    expect(config).include(backends.cpu.getCpuCapability());
    expect(backends.cudnn.isAvailable()).equal(torch.cuda.isAvailable());
    expect(backends.cudnn.version() === null).equal(!torch.cuda.isAvailable());
    expect(backends.cuda.isBuilt()).a('boolean');
    expect(backends.mkldnn.isAclAvailable()).equal(/ACL|Compute Library/i.test(config));
  });
});

describe('precision and determinism', () => {
  afterEach(() => {
    torch.setFloat32MatmulPrecision('highest');
    torch.useDeterministicAlgorithms(false);
  });

  it('setFloat32MatmulPrecision is read back, and goes with allowTf32', () => {
    expect(torch.getFloat32MatmulPrecision()).equal('highest');
    for (const precision of ['high', 'medium', 'highest'] as const) {
      torch.setFloat32MatmulPrecision(precision);
      expect(torch.getFloat32MatmulPrecision()).equal(precision);
      expect(torch.backends.cuda.matmul.allowTf32).equal(precision !== 'highest');
    }
    const error = refusalOf(() => torch.setFloat32MatmulPrecision('low' as never));
    expect(error.message).equal('"precision" must be "highest", "high" or "medium", got "low"');
  });

  it('useDeterministicAlgorithms has operators without a deterministic algorithm throw, or warn', async () => {
    const put = () => {
      const out = torch.zeros([4]);
      // Two additions to one place, in any order.
      return out.put_(torch.tensor([0n, 0n]), torch.tensor([1, 2]).float(), false);
    };
    put();
    torch.useDeterministicAlgorithms(true);
    expect(torch.areDeterministicAlgorithmsEnabled()).equal(true);
    expect(torch.isDeterministicAlgorithmsWarnOnlyEnabled()).equal(false);
    expect(refusalOf(put).message).match(/deterministic/);
    torch.useDeterministicAlgorithms(true, { warnOnly: true });
    expect(torch.isDeterministicAlgorithmsWarnOnlyEnabled()).equal(true);
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    put();
    expect((await warned).message).match(/deterministic/);
  });

  it('the debug mode is the same by a word or a number', () => {
    for (const [mode, level] of [
      ['default', 0],
      ['warn', 1],
      ['error', 2],
    ] as const) {
      torch.setDeterministicDebugMode(mode);
      expect(torch.getDeterministicDebugMode()).equal(level);
      torch.setDeterministicDebugMode(0);
      torch.setDeterministicDebugMode(level);
      expect(torch.getDeterministicDebugMode()).equal(level);
      expect(torch.areDeterministicAlgorithmsEnabled()).equal(level > 0);
    }
    for (const mode of ['off', 3, null]) {
      expect(refusalOf(() => torch.setDeterministicDebugMode(mode as never)).code).equal('ERR_ARGUMENT');
    }
  });
});
