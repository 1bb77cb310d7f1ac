import { closeSync, openSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { check, finite, integer, kind, oneOf, text as textKind } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { fileError, type PathLike, pathOf, writeAll } from '../../io/file.js';
import { isPlain } from '../../io/plain.js';
import { tensor as tensorKind } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import { makeFolders } from '../../setup/files.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { histogramOf } from './histogram.js';
import { type Layout, pixelsOf } from './image.js';
import { png } from './png.js';
import { framed } from './record.js';
import * as summary from './summary.js';
import type { Message } from './wire.js';

/** When a value was taken. */
export interface EventOptions {
  /** Seconds since 1970; default: now. */
  wallTime?: number;
}

/** Options of a {@link SummaryWriter}. */
export interface SummaryWriterOptions {
  /** What the files' names end with; default nothing. */
  filenameSuffix?: string;
  /** The step from which a run goes on: what an interrupted process wrote of it and of later ones is shown no more. Default: none. */
  purgeStep?: number;
}

const readWriter = optionsOf('utils.tensorboard.SummaryWriter', {
  filenameSuffix: [textKind, ''],
  purgeStep: [integer(), undefined],
});
const eventTable = { wallTime: [finite, undefined] } as const;
const readEvent = optionsOf('addScalar() of a SummaryWriter', eventTable);
const readScalars = optionsOf('addScalars() of a SummaryWriter', eventTable);
const readHistogram = optionsOf('addHistogram() of a SummaryWriter', eventTable);
const readText = optionsOf('addText() of a SummaryWriter', eventTable);
const readImage = optionsOf('addImage() of a SummaryWriter', {
  ...eventTable,
  dataformats: [oneOf('CHW', 'HWC', 'HW'), 'CHW'],
});
const readHparams = optionsOf('addHparams() of a SummaryWriter', { runName: [textKind, undefined] });
const step = integer();
const tagKind = kind<string>('a string that is not empty', (value) => typeof value === 'string' && value !== '');

let opened = 0;

/** The second after those in the names of a folder's event files: they are read in the order of their names. */
function afterAll(folder: string): number {
  const seconds = readdirSync(folder).map((name) => Number(/tfevents\.(\d{1,12})\./.exec(name)?.[1] ?? 0));
  return seconds.reduce((most, second) => Math.max(most, second + 1), 0);
}

/** One file of events. */
class EventFile {
  #fd: number | undefined;
  readonly path: string;

  constructor(folder: string, { filenameSuffix: suffix, purgeStep }: ReturnType<typeof readWriter>) {
    const now = Date.now() / 1000;
    const own = `${hostname()}.${process.pid}.${opened++}${suffix}`;
    this.path = folder;
    try {
      makeFolders(folder);
      this.path = join(folder, `events.out.tfevents.${Math.max(Math.floor(now), afterAll(folder))}.${own}`);
      this.#fd = openSync(this.path, 'wx');
    } catch (error) {
      throw fileError(this.path, 'written', error);
    }
    this.add(summary.opening(now));
    if (purgeStep !== undefined) this.add(summary.restart(now, purgeStep));
  }

  /** Appends an event; what was written stays there when the process is killed. */
  add(event: Message): void {
    if (this.#fd === undefined) throw new TorchClipError('ERR_STATE', 'the SummaryWriter is closed');
    try {
      writeAll(this.#fd, framed(event.finish()));
    } catch (error) {
      throw fileError(this.path, 'written', error);
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/**
 * Writes what happens in a run to event files, which TensorBoard shows: `tensorboard --logdir runs`.
 *
 * Every call writes at once, so that nothing is lost when the process ends, however it ends.
 *
 * @example
 * using writer = new utils.tensorboard.SummaryWriter('runs/adamw');
 * writer.addScalar('train/loss', loss.item(), step);
 * writer.addHistogram('head.weight', model.head.weight, step);
 */
export class SummaryWriter {
  readonly logDir: string;
  readonly #options: ReturnType<typeof readWriter>;
  readonly #file: EventFile;
  /** The files of {@link addScalars}, by folder: each curve is a run of its own. */
  readonly #others = new Map<string, EventFile>();

  /**
   * @param logDir the run's folder; default: `runs/` with the date and the machine's name, as PyTorch has it.
   * @throws {TorchClipError} `ERR_FILE` where the folder cannot be written to.
   */
  constructor(logDir?: PathLike | null, options: SummaryWriterOptions = {}) {
    this.#options = readWriter(options);
    this.logDir = logDir == null ? join('runs', defaultName()) : pathOf(logDir, 'logDir');
    this.#file = new EventFile(this.logDir, this.#options);
  }

  /** A number, such as the loss, at a step. */
  addScalar(tag: string, value: number | bigint | Tensor, globalStep = 0, options: EventOptions = {}): void {
    const { wallTime } = readEvent(options);
    check('tag', tag, tagKind);
    this.#add(check('globalStep', globalStep, step), wallTime, [summary.scalar(tag, numberOf('value', value))]);
  }

  /**
   * Several numbers that one chart compares: each is written to a folder of its own, `logDir/mainTag_tag`, as TensorBoard wants it.
   *
   * @example
   * writer.addScalars('loss', { train: 0.2, validation: 0.3 }, epoch);
   */
  addScalars(
    mainTag: string,
    values: Readonly<Record<string, number | bigint | Tensor>>,
    globalStep = 0,
    options: EventOptions = {},
  ): void {
    const { wallTime } = readScalars(options);
    check('mainTag', mainTag, tagKind);
    check('globalStep', globalStep, step);
    if (!isPlain(values)) throw invalidArgument('values', 'an object of numbers by tag', values);
    const numbers = Object.entries(values).map(([tag, value]) => [tag, numberOf(`values.${tag}`, value)] as const);
    for (const [tag, number] of numbers) {
      const folder = join(this.logDir, `${flat(mainTag)}_${flat(tag)}`);
      let file = this.#others.get(folder);
      if (file === undefined) {
        file = new EventFile(folder, this.#options);
        this.#others.set(folder, file);
      }
      file.add(summary.event(wallTime ?? Date.now() / 1000, globalStep, [summary.scalar(mainTag, number)]));
    }
  }

  /** How the values of a tensor are distributed; those that are not finite are left out. */
  addHistogram(tag: string, values: Tensor, globalStep = 0, options: EventOptions = {}): void {
    const { wallTime } = readHistogram(options);
    check('tag', tag, tagKind);
    check('globalStep', globalStep, step);
    const histogram = histogramOf(check('values', values, tensorKind));
    if (histogram !== undefined) this.#add(globalStep, wallTime, [summary.histogram(tag, histogram)]);
  }

  /**
   * A picture: a uint8 tensor of values up to 255, or one of floating-point numbers in [0, 1].
   *
   * @param options.dataformats the order of channels, height and width; default `'CHW'`, with 1, 3 or 4 channels.
   */
  addImage(tag: string, image: Tensor, globalStep = 0, options: EventOptions & { dataformats?: Layout } = {}): void {
    const { wallTime, dataformats } = readImage(options);
    check('tag', tag, tagKind);
    check('globalStep', globalStep, step);
    const { pixels, height, width, channels } = pixelsOf(check('image', image, tensorKind), dataformats);
    const file = png(pixels, height, width, channels);
    this.#add(globalStep, wallTime, [summary.image(tag, height, width, channels, file)]);
  }

  /** A text, which TensorBoard reads as Markdown. */
  addText(tag: string, text: string, globalStep = 0, options: EventOptions = {}): void {
    const { wallTime } = readText(options);
    check('tag', tag, tagKind);
    check('globalStep', globalStep, step);
    this.#add(globalStep, wallTime, [summary.text(tag, check('text', text, textKind))]);
  }

  /**
   * The settings of a run and what came of it, in a folder of their own below {@link logDir}.
   *
   * @param options.runName the folder's name; default: the time.
   *
   * @example
   * writer.addHparams({ lr: 0.01, clip: 'norm' }, { 'hparam/accuracy': 0.9 });
   */
  addHparams(
    settings: Readonly<Record<string, summary.Hparam>>,
    metrics: Readonly<Record<string, number>>,
    options: { runName?: string } = {},
  ): void {
    const { runName } = readHparams(options);
    if (!isPlain(settings)) throw invalidArgument('settings', 'an object of numbers, strings and booleans', settings);
    if (!isPlain(metrics)) throw invalidArgument('metrics', 'an object of numbers', metrics);
    for (const [name, value] of Object.entries(settings)) {
      const isSetting = ['number', 'string', 'boolean'].includes(typeof value);
      if (!isSetting) throw invalidArgument(`settings.${name}`, 'a number, a string or a boolean', value);
    }
    const numbers = Object.entries(metrics).map(([tag, value]) => [tag, numberOf(`metrics.${tag}`, value)] as const);
    const now = Date.now() / 1000;
    const file = new EventFile(join(this.logDir, runName ?? String(now)), this.#options);
    const tags = numbers.map(([tag]) => tag);
    for (const value of summary.hparams({ ...settings }, tags)) file.add(summary.event(now, 0, [value]));
    for (const [tag, number] of numbers) file.add(summary.event(now, 0, [summary.scalar(tag, number)]));
    file.close();
  }

  /** Nothing is held back: it is here for those who know it from PyTorch. */
  flush(): void {}

  /** Closes the files. */
  close(): void {
    this.#file.close();
    for (const file of this.#others.values()) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #add(globalStep: number, wallTime: number | undefined, values: Message[]): void {
    this.#file.add(summary.event(wallTime ?? Date.now() / 1000, globalStep, values));
  }
}

const flat = (tag: string) => tag.replaceAll(/[/\\\0]/g, '_');

function numberOf(name: string, value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (isTensor(value) && value.numel() === 1 && !value.dtype.isComplex) return Number(value.detach().item());
  throw invalidArgument(name, 'a number, or a tensor of one', value);
}

/** Such as `Nov29_20-45-01_machine`. */
function defaultName(): string {
  const now = new Date();
  const month = now.toLocaleString('en', { month: 'short' });
  const two = (n: number) => String(n).padStart(2, '0');
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('-');
  return `${month}${two(now.getDate())}_${time}_${hostname()}`;
}
