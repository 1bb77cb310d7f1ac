// HTTP over a batcher: POST /predict with {"pixels": [784 numbers from 0 to 1]}, and GET /health.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Batcher, Closed, Overloaded } from './batcher.js';
import { pixels } from './model.js';

const largestBody = 64 * 1024;

/** A refusal with its status. */
class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export class DigitServer {
  readonly #batcher: Batcher;
  readonly #server: Server;
  #isClosing = false;

  constructor(batcher: Batcher) {
    this.#batcher = batcher;
    this.#server = createServer((request, response) => {
      this.#answer(request)
        .catch((error: Error) => [statusOf(error), { error: error.message }] as const)
        .then(([status, body]) => this.#reply(response, status, body));
    });
  }

  /** Listens; gives the address. */
  async listen(port: number, host = '127.0.0.1'): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, host, resolve);
    });
    return `http://${host}:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage): Promise<readonly [status: number, body: object]> {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/health' && request.method === 'GET') {
      const { counts, waiting } = this.#batcher;
      return [200, { ...counts, waiting }];
    }
    if (pathname !== '/predict') throw new Refused(404, 'there is /predict and /health');
    if (request.method !== 'POST') throw new Refused(405, '/predict takes POST');
    const probabilities = await this.#batcher.ask(inputOf(await bodyOf(request)));
    const digit = probabilities.indexOf(Math.max(...probabilities));
    return [200, { digit, probabilities: [...probabilities] }];
  }

  #reply(response: ServerResponse, status: number, body: object): void {
    // A connection that stays open would hold up the end.
    const headers = { 'content-type': 'application/json', ...(this.#isClosing && { connection: 'close' }) };
    response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`);
  }

  /** Takes no more connections, answers what has come, and ends the threads. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await this.#batcher.close();
    await closed;
  }
}

function statusOf(error: Error): number {
  if (error instanceof Refused) return error.status;
  return error instanceof Overloaded || error instanceof Closed ? 503 : 500;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > largestBody) throw new Refused(413, `a body has at most ${largestBody} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function inputOf(body: string): Float32Array {
  let given: unknown;
  try {
    given = (JSON.parse(body) as { pixels?: unknown } | null)?.pixels;
  } catch {
    throw new Refused(400, 'the body must be JSON');
  }
  const isPicture =
    Array.isArray(given) &&
    given.length === pixels &&
    given.every((value) => typeof value === 'number' && value >= 0 && value <= 1);
  if (!isPicture) throw new Refused(400, `"pixels" must be an array of ${pixels} numbers from 0 to 1, row by row`);
  return Float32Array.from(given as number[]);
}
