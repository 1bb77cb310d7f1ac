// Files against a live Python, processes that are killed while they save, and files that are damaged:
// npm run test:files -- --objects 3000 --kills 300 --mutations 5000
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import fc from 'fast-check';
import torch, { io, type Tensor, TorchClipError } from '../../../lib/index.js';
import { plain, sorted } from '../../io/plain.js';
import { localBuild } from '../../setup/fixture.js';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '3000' },
    kills: { type: 'string', default: '300' },
    mutations: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
  },
});
const [objects, kills, mutations, seed] = [values.objects, values.kills, values.mutations, values.seed].map(Number) as [
  number,
  number,
  number,
  number,
];
const folder = mkdtempSync(join(tmpdir(), 'torch-clip-files-'));
const path = join(folder, 'file.pt');
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
let failures = 0;

function fail(what: string): void {
  failures++;
  console.error(`FAILED: ${what}`);
}

/** A Python that answers a line for each line. */
class Peer {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const site = join(localBuild().libtorch.root, '..');
    this.#process = spawn('python3', ['-W', 'ignore', here('peer.py')], {
      env: { ...process.env, PYTHONPATH: site },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async ask(request: object): Promise<unknown> {
    this.#process.stdin!.write(`${JSON.stringify({ path, ...request })}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('Python has ended');
    return JSON.parse(value as string);
  }

  end(): void {
    this.#process.stdin!.end();
  }
}

/** Objects of random shape, whose tensors may share memory. */
function anObject(): fc.Arbitrary<unknown> {
  const names = [
    'float64',
    'float32',
    'float16',
    'bfloat16',
    'int64',
    'int32',
    'int16',
    'int8',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'bool',
    'complex64',
    'complex128',
    'float8E4m3fn',
  ] as const;
  const base = fc
    .tuple(fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }), fc.constantFrom(...names))
    .map(([shape, name]) => torch.randint(0, 100, shape).to({ dtype: torch[name] }));
  const tensor = fc.tuple(base, fc.nat(4)).map(([t, view]): unknown => {
    if (view === 0) return [t, t.transpose(0, -1)];
    if (view === 1) return { whole: t, part: t.narrow(0, 0, Math.ceil(t.shape[0]! / 2)) };
    if (view === 2 && t.dtype.isFloatingPoint && t.itemsize > 1) return new torch.nn.Parameter(t);
    return t;
  });
  const leaf = fc.oneof(
    tensor,
    fc.constantFrom(null, true, false, -0, Number.NaN, Number.NEGATIVE_INFINITY, torch.float32),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 300n }),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
      fc
        .array(fc.tuple(fc.oneof(fc.integer(), fc.string(), fc.boolean()), tie('value')), { maxLength: 3 })
        .map((entries) => new Map([...entries, [0.5, 1]])),
      fc.array(fc.integer()).map((items) => new Set(items)),
    ),
  }));
  return value;
}

async function withPython(): Promise<void> {
  const peer = new Peer();
  let done = 0;
  const check = async (what: string, ours: unknown, theirs: unknown) => {
    done++;
    if (!isDeepStrictEqual(sorted(ours), sorted(theirs)))
      fail(`${what}: ${JSON.stringify(ours)} and ${JSON.stringify(theirs)}`);
  };
  for (const [i, object] of fc.sample(anObject(), { seed, numRuns: objects }).entries()) {
    torch.save(object, path);
    await check(`object ${i} in Python`, plain(object), await peer.ask({ mmap: i % 2 === 0 }));
  }
  for (let i = 0; i < objects; i++) {
    const theirs = await peer.ask({ seed: seed + i });
    await check(`Python's object ${seed + i}`, plain(torch.load(path, { mmap: i % 2 === 0 })), theirs);
  }
  peer.end();
  console.log(`${done} objects, half of them Python's, are the same on both sides`);
}

/** Kills a process that saves again and again; what it left must be a whole file, and no other stays after the next save. */
async function killed(): Promise<void> {
  const before = failures;
  for (let i = 0; i < kills; i++) {
    const format = ['pt', 'safetensors', 'checkpoints', 'folders'][i % 4]!;
    const child = spawn(process.execPath, ['--import', 'tsx', here('saver.ts'), folder, format], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    try {
      const { rows } = {
        pt: () => torch.load<{ rows: Tensor[] }>(join(folder, 'kill.pt')),
        safetensors: () => ({ rows: Object.values(io.loadSafetensors(join(folder, 'kill.safetensors'))) }),
        checkpoints: () => io.loadCheckpoint<{ rows: Tensor[] }>(io.latest(join(folder, 'checkpoints'))!),
        folders: () => io.loadCheckpoint<{ rows: Tensor[] }>(io.latest(join(folder, 'folders'))!),
      }[format]!();
      const means = new Set(rows.map((row) => row.mean().item()));
      if (means.size !== 1 || rows.length !== 8) fail(`round ${i}: the ${format} file mixes ${[...means]}`);
    } catch (error) {
      fail(`round ${i}: ${format}: ${error}`);
    }
  }
  // The next save sweeps.
  for (const [where, save] of [
    [folder, () => torch.save(1, path)],
    [join(folder, 'checkpoints'), () => io.saveCheckpoint(join(folder, 'checkpoints'), 1)],
    [join(folder, 'folders'), () => io.saveCheckpoint(join(folder, 'folders'), 1, { format: 'safetensors' })],
  ] as const) {
    if (kills < 4) break;
    save();
    const left = readdirSync(where).filter((name) => name.endsWith('.tmp'));
    if (left.length > 0) fail(`${left.length} temporary files stay in ${where}`);
  }
  if (failures === before) console.log(`${kills} killed processes left whole files, and no others`);
}

/** Reads damaged files: each must be refused in one sentence, or be read, in bounded memory. */
function mutated(): void {
  const tensors = { a: torch.randn([40, 10]), b: torch.arange(30), c: torch.ones([5]).bfloat16() };
  torch.save({ ...tensors, list: [1, 'x', new Map([[1, 2]])], big: 2n ** 80n }, path);
  io.saveSafetensors(tensors, join(folder, 'x.safetensors'));
  const files = [path, join(folder, 'x.safetensors')].map((file) => readFileSync(file));
  const counts = { read: 0, refused: 0 };
  const start = process.memoryUsage().rss;
  let peak = start;
  const target = join(folder, 'mutated');
  fc.assert(
    fc.property(
      fc.nat(1),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255), fc.nat(4)), {
        minLength: 1,
        maxLength: 4,
      }),
      (which, changes) => {
        let file: Buffer = Buffer.from(files[which]!);
        for (const [share, value, kind] of changes) {
          const at = Math.min(file.length - 1, Math.floor(share * share * file.length));
          if (kind === 0) file = file.subarray(0, at + 1);
          else if (kind === 1) file = Buffer.concat([file.subarray(0, at), file.subarray(at + value)]);
          else if (kind === 2) file = Buffer.concat([file, file.subarray(at, at + value)]);
          else file[at] = value;
          if (file.length === 0) return;
        }
        writeFileSync(target, file);
        try {
          if (which === 0) torch.load(target);
          else io.loadSafetensors(target);
          counts.read++;
        } catch (error) {
          counts.refused++;
          const isOurs = error instanceof TorchClipError && ['ERR_FILE', 'ERR_DEVICE'].includes(error.code);
          if (!isOurs || (error as Error).message.includes('\n')) throw error;
        }
        peak = Math.max(peak, process.memoryUsage().rss);
      },
    ),
    { numRuns: mutations, seed },
  );
  const grown = Math.round((peak - start) / 2 ** 20);
  if (grown > 64 + statSync(path).size / 2 ** 20) fail(`damaged files took ${grown} MB`);
  console.log(`${counts.refused} damaged files were refused and ${counts.read} read, in ${grown} MB`);
}

try {
  console.log(`seed ${seed}`);
  mutated();
  if (spawnSync('python3', ['--version']).status === 0) await withPython();
  else console.log('no python3: nothing to compare with');
  await killed();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;
