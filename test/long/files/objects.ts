// Random objects, saved here and loaded by a live Python, and the reverse.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import torch from '../../../lib/index.js';
import { plain, sorted } from '../../io/plain.js';
import { here, type Run } from './check.js';

/** A Python that answers a line for each line. */
class Peer {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(
    run: Run,
    readonly path: string,
  ) {
    this.#process = spawn(run.python, ['-W', 'ignore', here('peer.py')], {
      env: run.pythonEnv,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async ask(request: object): Promise<unknown> {
    this.#process.stdin!.write(`${JSON.stringify({ path: this.path, ...request })}\n`);
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

/** Compares so many objects each way. */
export async function withPython(run: Run, objects: number): Promise<void> {
  const path = run.path('object.pt');
  const { seed } = run;
  const peer = new Peer(run, path);
  let done = 0;
  const check = async (what: string, ours: unknown, theirs: unknown) => {
    done++;
    if (!isDeepStrictEqual(sorted(ours), sorted(theirs)))
      run.fail(`${what}: ${JSON.stringify(ours)} and ${JSON.stringify(theirs)}`);
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
