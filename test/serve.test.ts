import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The example as a process of its own, since examples use the built package. */
class Served {
  readonly lines: string[] = [];
  readonly ended: Promise<number | null>;
  address = '';
  readonly #process: ChildProcess;
  #heard = () => {};

  constructor(folder: string, ...args: string[]) {
    const model = ['--model', join(folder, 'digits.pt'), '--port', '0', '--epochs', '1'];
    this.#process = spawn(process.execPath, ['--import', 'tsx', 'examples/serve/main.ts', ...model, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      this.lines.push(line);
      this.#heard();
    });
    this.ended = new Promise((resolve) => this.#process.once('exit', resolve));
  }

  async start(): Promise<this> {
    for (;;) {
      const line = this.lines.find((text) => text.startsWith('listening at '));
      if (line !== undefined) {
        this.address = line.slice('listening at '.length);
        return this;
      }
      const code = await Promise.race([
        new Promise<undefined>((heard) => (this.#heard = () => heard(undefined))),
        this.ended,
      ]);
      if (code !== undefined) throw new Error(`the server ended with ${code}`);
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  ask(
    path: string,
    body?: unknown,
    method = body === undefined ? 'GET' : 'POST',
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.address}${path}`, { method, agent: false }, (response) => {
        let text = '';
        response.on('data', (part) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text) }));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

describe('examples/serve', function () {
  this.timeout(300_000);
  let folder: string;
  let server: Served;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-serve-'));
    // Requests of one moment come together: what makes a batch is its size.
    server = await new Served(folder, '--max-wait', '200', '--max-batch', '8').start();
  });
  after(async () => {
    server.kill('SIGKILL');
    await server.ended;
    rmSync(folder, { recursive: true, force: true });
  });

  const blank = { pixels: Array(784).fill(0) };
  const drawn = {
    pixels: Array.from({ length: 784 }, (_, i) =>
      Math.floor(i / 28) > 3 && Math.floor(i / 28) < 24 && (i % 28 === 13 || i % 28 === 14) ? 1 : 0,
    ),
  };

  it('trains, and answers with what it has learnt', async () => {
    expect(Number(/^trained: ([\d.]+)%/.exec(server.lines[0]!)![1])).to.be.above(80);
    const { status, body } = await server.ask('/predict', drawn);
    expect(status).to.equal(200);
    expect(body.digit).to.equal(1);
    const probabilities = body.probabilities as number[];
    expect(probabilities).to.have.length(10);
    expect(probabilities.reduce((a, b) => a + b)).to.be.closeTo(1, 1e-5);
  });

  it('answers many at once in few batches, each with its own', async () => {
    const before = (await server.ask('/health')).body as { batches: number; requests: number };
    const alone = (await Promise.all([server.ask('/predict', blank), server.ask('/predict', drawn)])).map(
      ({ body }) => body,
    );
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => server.ask('/predict', i % 2 ? drawn : blank)),
    );
    for (const [i, { status, body }] of answers.entries()) {
      expect(status).to.equal(200);
      const expected = alone[i % 2]!.probabilities as number[];
      for (const [j, p] of (body.probabilities as number[]).entries()) expect(p).to.be.closeTo(expected[j]!, 1e-5);
    }
    const after = (await server.ask('/health')).body as { batches: number; requests: number };
    expect(after.requests - before.requests).to.equal(42);
    expect(after.batches - before.batches).to.be.below(30);
  });

  it('refuses in one sentence what it cannot answer', async () => {
    const cases: [path: string, body: unknown, status: number, method?: string][] = [
      ['/predict', '{', 400],
      ['/predict', 'null', 400],
      ['/predict', { pixels: [1, 2] }, 400],
      ['/predict', { pixels: Array(784).fill(2) }, 400],
      ['/predict', { pixels: Array(784).fill('0') }, 400],
      ['/predict', 'x'.repeat(100_000), 413],
      ['/predict', undefined, 405],
      ['/', undefined, 404],
    ];
    for (const [path, body, status] of cases) {
      const answer = await server.ask(path, body);
      expect(answer.status, JSON.stringify(body)?.slice(0, 40)).to.equal(status);
      expect(answer.body.error).to.be.a('string').and.not.include('\n');
    }
  });

  it('refuses what would wait too long, and answers what it was asked before it ends', async () => {
    const args = ['--max-queue', '5', '--max-wait', '600000', '--workers', '1'];
    const ending = await new Served(folder, ...args).start();
    expect(ending.lines).to.have.length(1); // the model is there already
    const waiting = Array.from({ length: 5 }, () => ending.ask('/predict', drawn));
    while ((await ending.ask('/health')).body.waiting !== 5);
    expect(await ending.ask('/predict', drawn)).to.deep.equal({
      status: 503,
      body: { error: 'too many requests are waiting' },
    });
    ending.kill('SIGTERM');
    for (const { status, body } of await Promise.all(waiting)) expect([status, body.digit]).to.deep.equal([200, 1]);
    expect(await ending.ended).to.equal(0);
    expect(ending.lines.at(-1)).to.equal('closed after 5 requests in 1 batches');
  });
});
