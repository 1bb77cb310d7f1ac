import { RequestError } from './server.js';

/**
 * Rows on their way to a server, which are sent in order behind what else goes on.
 *
 * What the server does not get, since it cannot be reached or has too much to do, is kept and sent with what comes later; what it
 * refuses is let go. Either is thrown by the next {@link flush}.
 */
export class Outbox<T> {
  readonly #rows: T[] = [];
  #sending: Promise<void> = Promise.resolve();
  #failure: unknown;

  /**
   * @param most how many rows a request may have; so many are sent without being asked to.
   * @param post sends rows.
   */
  constructor(
    private readonly most: number,
    private readonly post: (rows: readonly T[]) => Promise<unknown>,
  ) {}

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  push(row: T): void {
    this.#rows.push(row);
    if (this.#rows.length % this.most === 0) void this.send();
  }

  /** Sends what is there, after what is being sent. It never fails. */
  send(): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      while (!this.isEmpty) {
        const rows = this.#rows.slice(0, this.most);
        try {
          await this.post(rows);
        } catch (error) {
          this.#failure ??= error;
          if (error instanceof RequestError && error.mayPass) return;
        }
        this.#rows.splice(0, rows.length);
      }
    });
    return this.#sending;
  }

  /** Sends what is there, and throws the first thing that went wrong since the last time, unless all rows have arrived meanwhile. */
  async flush(): Promise<void> {
    await this.send();
    const failure = this.#failure;
    this.#failure = undefined;
    const hasArrived = failure instanceof RequestError && failure.mayPass && this.isEmpty;
    if (failure !== undefined && !hasArrived) throw failure;
  }
}
