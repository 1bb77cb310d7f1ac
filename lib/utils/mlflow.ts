import { check, integer, kind, oneOf, text } from '../check.js';
import { invalidArgument, TorchClipError } from '../errors.js';
import { isPlain } from '../io/plain.js';
import { optionsOf } from '../options.js';
import { checkOwn, own } from '../own.js';
import { isTensor, type Tensor } from '../tensor.js';

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

const name = kind<string>('a string that is not empty', (value) => typeof value === 'string' && value !== '');
const address = kind<string>('the http: or https: address of an MLflow server', (value) => {
  return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
});
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

/** The server's REST interface. */
class Api {
  readonly #base: string;
  readonly #headers: Record<string, string>;

  constructor(trackingUri: string, token: string | undefined) {
    this.#base = `${trackingUri.replace(/\/+$/, '')}/api/2.0/mlflow`;
    const {
      MLFLOW_TRACKING_TOKEN: bearer,
      MLFLOW_TRACKING_USERNAME: user,
      MLFLOW_TRACKING_PASSWORD: password,
    } = process.env;
    const basic = user && password ? `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` : undefined;
    const authorization = (token ?? bearer) ? `Bearer ${token ?? bearer}` : basic;
    this.#headers = { 'content-type': 'application/json', ...(authorization && { authorization }) };
  }

  async call<T>(path: string, body?: object): Promise<T> {
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(`${this.#base}/${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: this.#headers,
        ...(body && { body: JSON.stringify(body) }),
      });
      answer = await response.json().catch(() => undefined);
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      throw new TorchClipError(
        'ERR_STATE',
        `the MLflow server cannot be reached (${code ?? (error as Error).message})`,
        {
          cause: error,
        },
      );
    }
    if (response.ok) return answer as T;
    const { error_code: code, message } = (answer ?? {}) as { error_code?: string; message?: string };
    const why = message?.split('\n')[0] ?? `status ${response.status}`;
    throw Object.assign(new TorchClipError('ERR_STATE', `the MLflow server refused the request: ${why}`), {
      reason: code,
    });
  }
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
  #metrics: Metric[] = [];
  #sending: Promise<void> = Promise.resolve();
  #failure: unknown;
  #hasEnded = false;

  private constructor(
    token: typeof own,
    private readonly api: Api,
    /** The server's id of the run. */
    readonly id: string,
    readonly experimentId: string,
  ) {
    checkOwn(token, 'MlflowRun', 'utils.MlflowRun.start()');
  }

  /**
   * Begins a run.
   *
   * @throws {TorchClipError} `ERR_STATE` where the server cannot be reached or refuses.
   */
  static async start(options: MlflowOptions = {}): Promise<MlflowRun> {
    const { trackingUri, experiment, runName, token } = readOptions(options);
    const api = new Api(check('trackingUri', trackingUri ?? process.env.MLFLOW_TRACKING_URI, address), token);
    const experimentId = await experimentOf(api, experiment);
    const { run } = await api.call<{ run: { info: { run_id: string } } }>('runs/create', {
      experiment_id: experimentId,
      start_time: Date.now(),
      ...(runName !== undefined && { run_name: runName }),
    });
    return new MlflowRun(own, api, run.info.run_id, experimentId);
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
      await this.api.call('runs/log-batch', { run_id: this.id, params: list.slice(at, at + mostParams) });
    }
  }

  /** A number at a step. It is sent later; what goes wrong then is thrown by {@link flush} and {@link end}. */
  logMetric(key: string, value: number | Tensor, step = 0): void {
    check('key', key, name);
    check('step', step, integer());
    const number = isTensor(value) && value.numel() === 1 ? Number(value.detach().item()) : value;
    if (typeof number !== 'number') throw invalidArgument('value', 'a number, or a tensor of one', value);
    this.#check();
    // JSON has no form for what is not finite; protocol buffers have these names for it.
    const sent = Number.isFinite(number) ? number : String(number);
    this.#metrics.push({ key, value: sent, timestamp: Date.now(), step });
    if (this.#metrics.length >= mostMetrics) this.#send();
  }

  #check(): void {
    if (this.#hasEnded) throw new TorchClipError('ERR_STATE', 'the MLflow run has ended');
  }

  #send(): void {
    const metrics = this.#metrics.splice(0);
    this.#sending = this.#sending.then(async () => {
      try {
        for (let at = 0; at < metrics.length; at += mostMetrics) {
          await this.api.call('runs/log-batch', { run_id: this.id, metrics: metrics.slice(at, at + mostMetrics) });
        }
      } catch (error) {
        this.#failure ??= error;
      }
    });
  }

  /** Sends the metrics that are kept. */
  async flush(): Promise<void> {
    this.#send();
    await this.#sending;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  /** Sends what is left and ends the run. */
  async end(status: 'FINISHED' | 'FAILED' | 'KILLED' = 'FINISHED'): Promise<void> {
    check('status', status, oneOf('FINISHED', 'FAILED', 'KILLED'));
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.flush();
    await this.api.call('runs/update', { run_id: this.id, status, end_time: Date.now() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

async function experimentOf(api: Api, experiment: string): Promise<string> {
  const found = async () => {
    const path = `experiments/get-by-name?experiment_name=${encodeURIComponent(experiment)}`;
    return (await api.call<{ experiment: { experiment_id: string } }>(path)).experiment.experiment_id;
  };
  try {
    return await found();
  } catch (error) {
    if ((error as { reason?: string }).reason !== 'RESOURCE_DOES_NOT_EXIST') throw error;
  }
  try {
    return (await api.call<{ experiment_id: string }>('experiments/create', { name: experiment })).experiment_id;
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as { reason?: string }).reason !== 'RESOURCE_ALREADY_EXISTS') throw error;
    return found();
  }
}
