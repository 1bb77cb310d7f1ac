import { expect } from 'chai';
import { native } from '../../lib/binding/index.js';
import torch, { cuda, data, nn } from '../../lib/index.js';
import { refusalOf } from '../support.js';
import { onGpu, withoutGpu } from './support.js';

describe('cuda: devices', () => {
  const t = torch.ones([2]);
  const needs: Record<string, () => unknown> = {
    'a creation': () => torch.zeros([2], { device: 'cuda' }),
    'torch.tensor': () => torch.tensor([1, 2], { device: 'cuda:1' }),
    'to a device': () => t.to('cuda'),
    'to with options': () => t.to({ device: 'cuda:0', nonBlocking: true }),
    'cuda()': () => t.cuda(),
    'a layer': () => new nn.Linear(2, 2, { device: 'cuda' }),
    'a module': () => new nn.Linear(2, 2).to('cuda'),
    'a module without parameters': () => new nn.ReLU().to('cuda'),
    'pinMemory()': () => t.pinMemory(),
    'pinned creation': () => torch.zeros([2], { pinMemory: true }),
    currentDevice: () => cuda.currentDevice(),
    setDevice: () => cuda.setDevice(0),
    getDeviceName: () => cuda.getDeviceName(),
    getDeviceCapability: () => cuda.getDeviceCapability(0),
    getDeviceProperties: () => cuda.getDeviceProperties('cuda:0'),
    memGetInfo: () => cuda.memGetInfo(),
    synchronize: () => cuda.synchronize(),
    setSyncDebugMode: () => cuda.setSyncDebugMode('error'),
    getSyncDebugMode: () => cuda.getSyncDebugMode(),
    currentStream: () => cuda.currentStream(),
    Stream: () => new cuda.Stream(),
    Event: () => new cuda.Event({ enableTiming: true }),
    Graph: () => new cuda.Graph(),
    setStream: () => cuda.setStream(cuda.currentStream()),
    'device() with a body': () => cuda.device(0, () => t),
    'device() as a guard': () => cuda.device('cuda:0'),
    getRngState: () => cuda.getRngState(),
    setRngState: () => cuda.setRngState(torch.getRngState()),
    initialSeed: () => cuda.initialSeed(),
    setPerProcessMemoryFraction: () => cuda.setPerProcessMemoryFraction(0.5),
    getPerProcessMemoryFraction: () => cuda.getPerProcessMemoryFraction(),
    utilization: () => cuda.utilization(),
    memoryUsage: () => cuda.memoryUsage(0),
    graphStep: () => cuda.graphStep(() => t),
    makeGraphedCallables: () => cuda.makeGraphedCallables((x: torch.Tensor) => x, [t]),
    'a Prefetcher': () => new data.Prefetcher([[t]]),
    GradScaler: () => new torch.GradScaler(),
    autocast: () => torch.autocast({ deviceType: 'cuda' }, () => t),
  };
  for (const [name, use] of Object.entries(needs)) {
    withoutGpu(`${name} says that there is none, why, and what to do`, () => {
      const why = native.cudaBuilt()
        ? /needs CUDA, and this build has CUDA but found no GPU .*: run `npx torch-clip doctor --cuda`/
        : /needs CUDA, and this is a build for the CPU alone: run `npx torch-clip install cu130`/;
      const error = refusalOf(use);
      expect(error).property('code', 'ERR_CUDA_UNAVAILABLE');
      expect(error.message).match(why).not.match(/\n/);
    });
  }

  withoutGpu('what PyTorch leaves without effect has none', () => {
    expect(cuda.isAvailable()).equal(false);
    expect(cuda.deviceCount()).equal(0);
    cuda.manualSeed(1);
    cuda.manualSeedAll(1n);
    cuda.emptyCache();
    cuda.resetPeakMemoryStats();
    expect([cuda.memoryAllocated(), cuda.memoryReserved(), cuda.maxMemoryAllocated()]).deep.equal([0, 0, 0]);
    expect(cuda.memoryStats()).deep.equal({});
    cuda.resetAccumulatedMemoryStats();
    cuda.seed();
    cuda.seedAll();
    cuda.setRngStateAll([]);
    expect([cuda.getRngStateAll(), cuda.memorySnapshot(), cuda.getArchList()]).deep.equal([[], [], []]);
    expect([cuda.isBf16Supported(), cuda.isBf16Supported(false)]).deep.equal([false, false]);
    expect(cuda.memorySummary()).match(/device ID 0 .*\n.*\n.*CUDA OOMs: 0 /);
    expect(cuda.deviceOf(t, () => 5)).equal(5);
    expect(t.isPinned()).equal(false);
  });

  withoutGpu('the native functions alone throw as well, and do not crash', () => {
    const calls = [
      () => native.cudaCurrentDevice(),
      () => native.cudaSetDevice(0),
      () => native.cudaSynchronize(0),
      () => native.cudaManualSeed(0, 1),
      () => native.cudaNewStream(0, false),
      () => native.cudaCurrentStream(0),
      () => native.cudaRecordEvent({} as never, {} as never),
      () => native.cudaQueryStream(null as never),
      () => native.copyDone(t as never),
      () => native.copyBegin(t.handle, true),
      () => native.cudaSetDevice(1e9),
    ];
    for (const call of calls) expect(call).throw(torch.TorchClipError);
  });

  it('NVTX is there in a build with CUDA, with a GPU or without', () => {
    const uses = [
      () => cuda.nvtx.rangePush('a'),
      () => cuda.nvtx.rangePop(),
      () => cuda.nvtx.mark('b'),
      () => cuda.nvtx.rangeEnd(cuda.nvtx.rangeStart('c')),
      () => cuda.nvtx.range('d', () => t),
    ];
    for (const use of uses) {
      if (native.cudaBuilt()) use();
      else expect(refusalOf(use)).property('code', 'ERR_CUDA_UNAVAILABLE');
    }
    expect(refusalOf(() => cuda.nvtx.mark(1 as never)).message).equal('"message" must be a string, got 1');
    expect(refusalOf(() => cuda.nvtx.rangeEnd(1 as never))).property('code', 'ERR_ARGUMENT');
    expect(refusalOf(() => cuda.nvtx.range('e', async () => t))).property('code', 'ERR_ASYNC_SCOPE');
  });

  it('bad arguments are told as such, with a GPU or without', () => {
    const refused: [string, () => unknown][] = [
      ['"body" of cuda.device must be a function, got 1', () => cuda.device(0, 1 as never)],
      ['"tensor" must be a Tensor, got 1', () => cuda.deviceOf(1 as never)],
      ['"fraction" must be a number in [0, 1], got 2', () => cuda.setPerProcessMemoryFraction(2)],
      ['"includingEmulation" must be true or false, got 1', () => cuda.isBf16Supported(1 as never)],
      ['"step" must be a function, got 1', () => cuda.graphStep(1 as never)],
      [
        '"callables" must be a function or a module, got an object',
        () => cuda.makeGraphedCallables({} as never, [t] as never),
      ],
      ['"sampleArgs" must be an array of tensors, got 5', () => cuda.makeGraphedCallables(() => t, 5 as never)],
      ['"inputs[0]" must be a Tensor, got 5', () => cuda.makeGraphedCallables(() => t, [5 as never])],
    ];
    for (const [message, use] of refused) expect(refusalOf(use).message).equal(message);
    expect(refusalOf(() => cuda.graphStep(() => t, { warmup: 0 }))).property('code', 'ERR_ARGUMENT');
    expect(refusalOf(() => cuda.memorySummary(0, { short: true } as never))).property('code', 'ERR_ARGUMENT');
    expect(refusalOf(() => cuda.synchronize('cpu')))
      .property('message')
      .match(/"device" must be the index of a GPU, or a device such as 'cuda:0', got "cpu"/);
    expect(refusalOf(() => cuda.setDevice(-1))).property('code', 'ERR_DEVICE');
    expect(refusalOf(() => cuda.manualSeed(0.5))).property('code', 'ERR_ARGUMENT');
    expect(refusalOf(() => cuda.setSyncDebugMode('off' as never)))
      .property('message')
      .equal('"mode" must be one of default, warn, error, got "off"');
    expect(refusalOf(() => cuda.stream({} as never, () => t)))
      .property('message')
      .equal('"stream" must be a cuda.Stream, got an object');
    expect(refusalOf(() => new cuda.Event({ enableTiming: 1 as never }))).property('code', 'ERR_ARGUMENT');
    expect(refusalOf(() => new cuda.Stream({ priority: 0.5 }))).property('code', 'ERR_ARGUMENT');
  });

  it('copies between hosts may be non-blocking', () => {
    expect(t.to({ device: 'cpu', nonBlocking: true }).isSame(t)).equal(true);
    const double = t.to({ device: 'cpu', dtype: torch.float64, nonBlocking: true });
    expect(double.tolist()).deep.equal([1, 1]);
  });

  onGpu('the current one is there and has a name', () => {
    const index = cuda.currentDevice();
    expect(index).within(0, cuda.deviceCount() - 1);
    const properties = cuda.getDeviceProperties();
    expect(properties.name).equal(cuda.getDeviceName(index)).not.equal('');
    expect([properties.major, properties.minor]).deep.equal(cuda.getDeviceCapability());
    const [free, total] = cuda.memGetInfo();
    expect(free).within(1, total);
    expect(properties.totalMemory).at.least(total);
    cuda.setDevice(index);
    expect(torch.zeros([1], { device: 'cuda' }).device.index).equal(index);
  });

  onGpu('one that is not there is refused', () => {
    expect(refusalOf(() => torch.zeros([1], { device: `cuda:${cuda.deviceCount()}` }))).property('code', 'ERR_DEVICE');
  });

  onGpu('a seed gives the same numbers again', () => {
    const draw = () => torch.randn([5], { device: 'cuda' }).tolist();
    const [a, b, c] = [cuda.manualSeed, cuda.manualSeedAll, torch.manualSeed].map((seed) => {
      seed(7);
      return draw();
    });
    expect(a).deep.equal(b).deep.equal(c);
    expect(draw()).not.deep.equal(a);
  });

  onGpu('memory is counted', () => {
    // Tensors that other tests dropped must not be released between the two readings.
    torch.collectGarbage();
    const before = cuda.memoryAllocated();
    cuda.resetPeakMemoryStats();
    const big = torch.empty([1 << 20], { device: 'cuda' });
    expect(cuda.memoryAllocated()).equal(before + 4 * (1 << 20));
    big.dispose();
    expect(cuda.memoryAllocated()).equal(before);
    expect(cuda.maxMemoryAllocated()).at.least(before + 4 * (1 << 20));
    expect(cuda.memoryReserved()).at.least(cuda.memoryAllocated());
    cuda.emptyCache();
    expect(cuda.memoryStats()).property('num_ooms').a('number');
  });

  onGpu('what was dropped is collected before an allocation fails', () => {
    const [free] = cuda.memGetInfo();
    // Each is a tenth of the memory, and forty are made.
    for (let i = 0; i < 40; i++) torch.empty([Math.floor(free / 10)], { dtype: torch.uint8, device: 'cuda' });
    cuda.emptyCache();
  });

  onGpu('what is too large is refused with its size and the state of the memory', () => {
    const [, total] = cuda.memGetInfo();
    const error = refusalOf(() => torch.empty([2 * total], { dtype: torch.uint8, device: 'cuda' }));
    expect(error).property('code', 'ERR_OUT_OF_MEMORY');
    expect(error.message).match(/Tried to allocate/);
  });
});
