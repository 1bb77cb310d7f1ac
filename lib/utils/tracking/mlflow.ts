import { check, integer, oneOf, text } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { isPlain } from '../../io/plain.js';
import { optionsOf } from '../../options.js';
import { checkOwn, own } from '../../own.js';
import type { Tensor } from '../../tensor.js';
import { Outbox } from './outbox.js';
import { type RequestError, Server } from './server.js';
import { addressOf, name, numberOf } from './values.js';

/** Where a run is written, and what it is called. */
export interface MlflowOptions {
  /** The server's address; default: `MLFLOW_TRACKING_URI` of the environment. */
  trackingUri?: string;
  /** The experiment's name, which is made where it is not there; default `'Default'`. */
  experiment?: string;
  /** Default: one that the server makes up. */
  runName?: string;
  /** Default: `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, of the environment. */
  token?: string;
}

const address = addressOf('an MLflow server');
const readOptions = optionsOf('utils.MlflowRun.start()', {
  trackingUri: [address, undefined],
  experiment: [name, 'Default'],
  runName: [name, undefined],
  token: [text, undefined],
});

/** The most that the server takes in one request. */
const [mostMetrics, mostParams] = [1000, 100];

interface Metric {
  key: string;
  value: number | string;
  timestamp: number;
  step: number;
}

function serverAt(trackingUri: string, token: string | undefined): Server {
  const {
    MLFLOW_TRACKING_TOKEN: bearer,
    MLFLOW_TRACKING_USERNAME: user,
    MLFLOW_TRACKING_PASSWORD: password,
  } = process.env;
  const basic = user && password ? `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` : undefined;
  return new Server({
    name: 'MLflow',
    address: `${trackingUri.replace(/\/+$/, '')}/api/2.0/mlflow`,
    authorization: (token ?? bearer) ? `Bearer ${token ?? bearer}` : basic,
    refusalIn: (answer) => {
      const { error_code: reason, message } = (answer ?? {}) as { error_code?: string; message?: string };
      return reason === undefined ? undefined : { reason, message };
    },
  });
}

/**
 * A run on an MLflow tracking server, through its REST interface.
 *
 * Metrics are kept and sent by the thousand, so that a training loop need not wait; {@link flush} and {@link end} send what is left.
 *
 * @example
 * await using run = await utils.MlflowRun.start({ trackingUri: 'http://localhost:5000', experiment: 'digits' });
 * await run.logParams({ lr: 0.01, clip: 'norm' });
 * for (const [step, loss] of losses.entries()) run.logMetric('loss', loss, step);
 */
export class MlflowRun {
  readonly #metrics: Outbox<Metric>;
  #hasEnded = false;
  #isOver = false;

  private constructor(
    token: typeof own,
    private readonly server: Server,
    /** The server's id of the run. */
    readonly id: string,
    readonly experimentId: string,
  ) {
    checkOwn(token, 'MlflowRun', 'utils.MlflowRun.start()');
    this.#metrics = new Outbox(mostMetrics, (metrics) => server.call('runs/log-batch', { run_id: id, metrics }));
  }

  /**
   * Begins a run.
   *
   * @throws {TorchClipError} `ERR_STATE` where the server cannot be reached or refuses.
   */
  static async start(options: MlflowOptions = {}): Promise<MlflowRun> {
    const { trackingUri, experiment, runName, token } = readOptions(options);
    const uri = check('trackingUri', trackingUri ?? process.env.MLFLOW_TRACKING_URI, address);
    const server = serverAt(uri, token);
    const experimentId = await experimentOf(server, experiment);
    const { run } = await server.call<{ run?: { info?: { run_id?: string } } }>('runs/create', {
      experiment_id: experimentId,
      start_time: Date.now(),
      ...(runName !== undefined && { run_name: runName }),
    });
    const id = run?.info?.run_id;
    if (typeof id !== 'string') throw server.strange('without a run');
    return new MlflowRun(own, server, id, experimentId);
  }

  /** Settings of the run; a name can be written once. */
  async logParams(params: Readonly<Record<string, string | number | boolean>>): Promise<void> {
    if (!isPlain(params)) throw invalidArgument('params', 'an object of strings, numbers and booleans', params);
    const list = Object.entries(params).map(([key, value]) => {
      if (['string', 'number', 'boolean'].includes(typeof value)) return { key, value: String(value) };
      throw invalidArgument(`params.${key}`, 'a string, a number or a boolean', value);
    });
    this.#check();
    for (let at = 0; at < list.length; at += mostParams) {
      await this.server.call('runs/log-batch', { run_id: this.id, params: list.slice(at, at + mostParams) });
    }
  }

  /** A number at a step. It is sent later; what goes wrong then is thrown by {@link flush} and {@link end}. */
  logMetric(key: string, value: number | Tensor, step = 0): void {
    check('key', key, name);
    check('step', step, integer());
    const number = numberOf('value', value);
    this.#check();
    // JSON has no form for what is not finite; protocol buffers have these names for it.
    const sent = Number.isFinite(number) ? number : String(number);
    this.#metrics.push({ key, value: sent, timestamp: Date.now(), step });
  }

  #check(): void {
    if (this.#hasEnded) throw new TorchClipError('ERR_STATE', 'the MLflow run has ended');
  }

  /** Sends the metrics that are kept. */
  flush(): Promise<void> {
    return this.#metrics.flush();
  }

  /** Sends what is left and ends the run. Where the server cannot be reached, it can be called again. */
  async end(status: 'FINISHED' | 'FAILED' | 'KILLED' = 'FINISHED'): Promise<void> {
    check('status', status, oneOf('FINISHED', 'FAILED', 'KILLED'));
    if (this.#isOver) return;
    this.#hasEnded = true;
    try {
      await this.flush();
    } finally {
      await this.server.call('runs/update', { run_id: this.id, status, end_time: Date.now() });
      this.#isOver = this.#metrics.isEmpty;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

async function experimentOf(server: Server, experiment: string): Promise<string> {
  const known = (id: string | undefined): string => {
    if (typeof id !== 'string') throw server.strange('without an experiment');
    return id;
  };
  const found = async () => {
    const path = `experiments/get-by-name?experiment_name=${encodeURIComponent(experiment)}`;
    return known((await server.call<{ experiment?: { experiment_id?: string } }>(path)).experiment?.experiment_id);
  };
  try {
    return await found();
  } catch (error) {
    if ((error as Partial<RequestError>).reason !== 'RESOURCE_DOES_NOT_EXIST') throw error;
  }
  try {
    const { experiment_id: id } = await server.call<{ experiment_id?: string }>('experiments/create', {
      name: experiment,
    });
    return known(id);
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as Partial<RequestError>).reason !== 'RESOURCE_ALREADY_EXISTS') throw error;
    return found();
  }
}
