import { randomInt } from 'node:crypto';
import { arrayOf, check, integer, kind, positive } from '../../check.js';
import { describe, invalidArgument, TorchClipError } from '../../errors.js';
import { isPlain } from '../../io/plain.js';
import { optionsOf } from '../../options.js';
import { checkOwn, own } from '../../own.js';
import type { Tensor } from '../../tensor.js';
import { Outbox } from './outbox.js';
import { Server } from './server.js';
import { addressOf, name, numberOf } from './values.js';

/** Where a run is written, and what it is called. */
export interface WandbOptions {
  /** Default: `WANDB_PROJECT` of the environment, or `'uncategorized'`. */
  project?: string;
  /** A user or a team; default: `WANDB_ENTITY`, or the user whose key it is. */
  entity?: string;
  /** What the run is called; default: `WANDB_NAME`, or one that the server makes up. */
  name?: string;
  /** The run's id, which goes on with the run that has it; default: `WANDB_RUN_ID`, or a new one. */
  id?: string;
  /** Settings of the run: anything that JSON can hold. Default: none. */
  config?: Readonly<Record<string, unknown>>;
  /** Words by which runs are found; default none. */
  tags?: readonly string[];
  /** The group that the run belongs to; default none. */
  group?: string;
  /** A text about the run; default none. */
  notes?: string;
  /** Default: `WANDB_API_KEY`. */
  apiKey?: string;
  /** The server's address; default: `WANDB_BASE_URL`, or `'https://api.wandb.ai'`. */
  baseUrl?: string;
  /** Seconds between what is sent; default 15. */
  interval?: number;
}

const address = addressOf('a W&B server');
const jsonObject = kind<Readonly<Record<string, unknown>>>('an object that JSON can hold', (value) => {
  try {
    return isPlain(value) && JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
});
const readOptions = optionsOf('utils.WandbRun.init()', {
  project: [name, undefined],
  entity: [name, undefined],
  name: [name, undefined],
  id: [name, undefined],
  config: [jsonObject, {}],
  tags: [arrayOf(name), []],
  group: [name, undefined],
  notes: [name, undefined],
  apiKey: [name, undefined],
  baseUrl: [address, undefined],
  interval: [positive, 15],
});

/** What the server itself knows of a row. */
const reserved = ['_step', '_runtime', '_timestamp', '_wandb'];
/** The server takes 10 MB at once; a row of a hundred metrics has 3 kB. */
const mostRows = 1000;
/** What a timer can wait at most. */
const mostDelay = 2 ** 31 - 1;

const upsert = `mutation UpsertBucket($name: String, $project: String, $entity: String, $groupName: String, $displayName: String, $notes: String,
  $config: JSONString, $tags: [String!]) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, groupName: $groupName, displayName: $displayName,
    notes: $notes, config: $config, tags: $tags}) {
    bucket { name displayName historyLineCount summaryMetrics project { name entity { name } } }
    inserted
  }
}`;

interface Bucket {
  name: string;
  displayName: string | null;
  historyLineCount: number | null;
  summaryMetrics: string | null;
  project: { name: string; entity: { name: string } };
}

type Row = Record<string, unknown>;

/** JSON as W&B's clients write it, with names for numbers that are not finite. */
function lineOf(row: Row): string {
  const fields = Object.entries(row).map(([key, value]) => {
    const isOdd = typeof value === 'number' && !Number.isFinite(value);
    return `${JSON.stringify(key)}:${isOdd ? value : JSON.stringify(value)}`;
  });
  return `{${fields.join(',')}}`;
}

function rowOf(line: string): Row {
  const numbers: Record<string, string> = { NaN: 'null', Infinity: '1e999', '-Infinity': '-1e999' };
  // Not within strings.
  const text = line.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (part) => numbers[part] ?? part);
  return JSON.parse(text) as Row;
}

function serverAt(baseUrl: string, apiKey: string): Server {
  return new Server({
    name: 'W&B',
    address: baseUrl,
    authorization: `Basic ${Buffer.from(`api:${apiKey}`).toString('base64')}`,
    refusalIn: (answer) => {
      const { errors, error } = (answer ?? {}) as { errors?: { message?: string }[]; error?: unknown };
      if (errors !== undefined && errors.length > 0) return { message: errors[0]?.message };
      return typeof error === 'string' ? { message: error } : undefined;
    },
  });
}

/** As W&B makes them. */
function newId(): string {
  return Array.from({ length: 8 }, () => randomInt(36).toString(36)).join('');
}

/**
 * A run on Weights & Biases, through the HTTP interface that its own clients use.
 *
 * Metrics are kept and sent every few seconds, so that a training loop need not wait; {@link flush} and {@link finish} send what is left.
 * A loop that never awaits anything gives nothing else a turn: there they are sent by `await run.flush()`.
 *
 * @example
 * await using run = await utils.WandbRun.init({ project: 'digits', config: { lr: 0.01 } });
 * for (const [step, loss] of losses.entries()) run.log({ loss }, step);
 */
export class WandbRun {
  readonly #rows: Outbox<Row>;
  readonly #started = Date.now();
  readonly #timer: NodeJS.Timeout;
  /** The file of the run's rows, and how many it has. */
  readonly #stream: string;
  #lines: number;
  #row: Row | undefined;
  #nextStep: number;
  #summary: Row;
  #hasEnded = false;
  #isOver = false;
  /** A user or a team. */
  readonly entity: string;
  readonly project: string;
  readonly id: string;
  /** What the run is called. */
  readonly name: string;
  /** The run's page. */
  readonly url: string;

  private constructor(
    token: typeof own,
    private readonly server: Server,
    baseUrl: string,
    bucket: Bucket,
    interval: number,
  ) {
    checkOwn(token, 'WandbRun', 'utils.WandbRun.init()');
    this.id = bucket.name;
    this.name = bucket.displayName ?? bucket.name;
    this.project = bucket.project.name;
    this.entity = bucket.project.entity.name;
    const [entity, project, id] = [this.entity, this.project, this.id].map(encodeURIComponent);
    this.url = `${baseUrl.replace(/\/+$/, '').replace('//api.wandb.ai', '//wandb.ai')}/${entity}/${project}/runs/${id}`;
    this.#stream = `files/${entity}/${project}/${id}/file_stream`;
    this.#lines = bucket.historyLineCount ?? 0;
    this.#summary = rowOf(bucket.summaryMetrics ?? '{}');
    this.#nextStep = Number(this.#summary._step ?? -1) + 1;
    this.#rows = new Outbox(mostRows, (rows) => this.#send(rows));
    this.#timer = setInterval(() => void this.#beat(), Math.min(interval * 1000, mostDelay)).unref();
  }

  /**
   * Begins a run, or goes on with the one that has the `id`.
   *
   * @throws {TorchClipError} `ERR_STATE` where the server cannot be reached or refuses.
   */
  static async init(options: WandbOptions = {}): Promise<WandbRun> {
    const given = readOptions(options);
    const { env } = process;
    const baseUrl = check('baseUrl', given.baseUrl ?? env.WANDB_BASE_URL ?? 'https://api.wandb.ai', address);
    const key = kind<string>('the key of a W&B account, as WANDB_API_KEY may also say', name.accepts);
    const server = serverAt(baseUrl, check('apiKey', given.apiKey ?? env.WANDB_API_KEY, key));
    const config = Object.fromEntries(Object.entries(given.config).map(([key, value]) => [key, { value }]));
    const variables = {
      name: given.id ?? (env.WANDB_RUN_ID || newId()),
      project: given.project ?? (env.WANDB_PROJECT || 'uncategorized'),
      entity: given.entity ?? (env.WANDB_ENTITY || undefined),
      displayName: given.name ?? (env.WANDB_NAME || undefined),
      groupName: given.group,
      notes: given.notes,
      config: JSON.stringify(config),
      tags: given.tags.length > 0 ? given.tags : undefined,
    };
    const { data } = await server.call<{ data?: { upsertBucket?: { bucket?: Bucket } } }>('graphql', {
      query: upsert,
      variables,
    });
    const bucket = data?.upsertBucket?.bucket;
    if (bucket?.project?.entity === undefined) throw server.strange('without a run');
    return new WandbRun(own, server, baseUrl, bucket, given.interval);
  }

  /**
   * Metrics of a step. They are sent later; what goes wrong then is thrown by {@link flush} and {@link finish}.
   *
   * @param metrics numbers, or tensors of one, by name.
   * @param step default: one more than the last time. Metrics of the same step become one row; steps cannot go back.
   */
  log(metrics: Readonly<Record<string, number | Tensor>>, step?: number): void {
    if (!isPlain(metrics)) throw invalidArgument('metrics', 'an object of numbers', metrics);
    const values = Object.entries(metrics).map(([key, value]) => {
      if (reserved.includes(key))
        throw new TorchClipError(
          'ERR_ARGUMENT',
          `"metrics" must not use a reserved name (${reserved.join(', ')}), got "${key}"`,
        );
      return [key, numberOf(`metrics[${describe(key)}]`, value)] as const;
    });
    const last = this.#row?._step as number | undefined;
    const at = check('step', step ?? this.#nextStep, integer(last ?? this.#nextStep));
    if (this.#hasEnded) throw new TorchClipError('ERR_STATE', 'the W&B run has ended');
    if (at !== last) this.#endRow();
    const now = Date.now() / 1000;
    const times = { _step: at, _runtime: now - this.#started / 1000, _timestamp: now };
    this.#row = { ...this.#row, ...Object.fromEntries(values), ...times };
    this.#nextStep = at + 1;
  }

  /** Sends the metrics that are kept, those of the current step with them: the next ones belong to a later step. */
  flush(): Promise<void> {
    this.#endRow();
    return this.#rows.flush();
  }

  /** Sends what is left and ends the run; an exit code other than 0 says that it failed. Where the server cannot be reached, it can be called again. */
  async finish(exitCode = 0): Promise<void> {
    check('exitCode', exitCode, integer(0, 255));
    if (this.#isOver) return;
    this.#hasEnded = true;
    clearInterval(this.#timer);
    try {
      await this.flush();
    } finally {
      await this.server.call(this.#stream, { files: {}, complete: true, exitcode: exitCode });
      this.#isOver = this.#rows.isEmpty;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.finish();
  }

  #endRow(): void {
    const row = this.#row;
    this.#row = undefined;
    if (row !== undefined) this.#rows.push(row);
  }

  async #send(rows: readonly Row[]): Promise<void> {
    const summary = Object.fromEntries([this.#summary, ...rows].flatMap((row) => Object.entries(row)));
    await this.server.call(this.#stream, {
      files: {
        // A line that comes again is the same line: the server goes by its number.
        'wandb-history.jsonl': { offset: this.#lines, content: rows.map(lineOf) },
        'wandb-summary.json': { offset: 0, content: [lineOf(summary)] },
      },
    });
    this.#lines += rows.length;
    this.#summary = summary;
  }

  #isBeating = false;

  /** The server takes a run that it does not hear of for minutes for one that has crashed. */
  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    if (this.#rows.isEmpty) await this.server.call(this.#stream, { files: {} }).catch(() => {});
    else await this.#rows.send();
    this.#isBeating = false;
  }
}
