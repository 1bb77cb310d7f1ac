// A server of JSON that keeps what it was asked.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

export interface Call {
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  authorization: string | undefined;
}

export class FakeServer {
  calls: Call[] = [];
  #server: Server | undefined;
  #heard: (() => void)[] = [];

  /** @param answer the status and the body of what is answered. */
  constructor(private readonly answer: (call: Call) => [status: number, body: unknown]) {}

  async start(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      const sent = await buffer(request);
      const { pathname, searchParams } = new URL(request.url!, 'http://localhost');
      const { authorization, 'content-encoding': encoding } = request.headers;
      const text = encoding === 'gzip' ? gunzipSync(sent) : sent;
      const isJson = text[0] === '{'.charCodeAt(0);
      const body = isJson ? JSON.parse(text.toString()) : {};
      const call = { path: pathname, query: searchParams, body, authorization };
      this.calls.push(call);
      const [status, reply] = this.answer(call);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
      for (const heard of this.#heard.splice(0)) heard();
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve));
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server!.address() as AddressInfo).port}`;
  }

  /** Settles when so many calls were answered. */
  async heard(count: number): Promise<void> {
    while (this.calls.length < count) await new Promise<void>((resolve) => this.#heard.push(resolve));
  }

  async stop(): Promise<void> {
    const server = this.#server!;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** An address at which nothing listens. */
export async function deadAddress(): Promise<string> {
  const server = new FakeServer(() => [200, {}]);
  await server.start();
  const { address } = server;
  await server.stop();
  return address;
}
