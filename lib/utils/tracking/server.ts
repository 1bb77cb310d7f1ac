// Requests in JSON to the server of an experiment tracker.
import { TorchClipError } from '../../errors.js';

/** A request that failed. */
export class RequestError extends TorchClipError {
  constructor(
    message: string,
    /** The server's own code for the reason. */
    readonly reason: string | undefined,
    /** Whether the same request may succeed later. */
    readonly mayPass: boolean,
    options?: ErrorOptions,
  ) {
    super('ERR_STATE', message, options);
  }
}

/** What a server says of a request that it refuses. */
export interface Refusal {
  reason?: string | undefined;
  message?: string | undefined;
}

/** A server, and how it is spoken to. */
export interface ServerOptions {
  /** As users know it: `MLflow`. */
  name: string;
  address: string;
  authorization: string | undefined;
  /** Finds in an answer why the request was refused; undefined where it was not. */
  refusalIn(answer: unknown): Refusal | undefined;
}

export class Server {
  readonly #headers: Record<string, string>;

  constructor(private readonly options: ServerOptions) {
    const { authorization } = options;
    this.#headers = { 'content-type': 'application/json', ...(authorization && { authorization }) };
  }

  /** Sends a body, or asks where there is none, and gives the answer. */
  async call<T>(path: string, body?: object): Promise<T> {
    const { name, address, refusalIn } = this.options;
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(`${address.replace(/\/+$/, '')}/${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: this.#headers,
        ...(body && { body: JSON.stringify(body) }),
      });
      answer = await response.json().catch(() => undefined);
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      const why = code ?? (error as Error).message;
      throw new RequestError(`the ${name} server cannot be reached (${why})`, code, true, { cause: error });
    }
    const refusal = refusalIn(answer);
    if (response.ok && refusal === undefined) {
      if (typeof answer === 'object' && answer !== null) return answer as T;
      throw this.strange('not in JSON');
    }
    const { status } = response;
    const why = refusal?.message?.split('\n')[0] ?? `status ${status}`;
    const mayPass = status === 408 || status === 429 || status >= 500;
    throw new RequestError(`the ${name} server refused the request: ${why}`, refusal?.reason, mayPass);
  }

  /** The error for an answer that no such server gives. */
  strange(how: string): RequestError {
    return new RequestError(`the ${this.options.name} server answers ${how}: it may be another one`, undefined, false);
  }
}
