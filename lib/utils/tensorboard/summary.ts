// The messages of event files, as TensorBoard's protocol buffers define them.
import { Message } from './wire.js';

/** An event at a time in seconds. */
export function event(wallTime: number, step: number, values: readonly Message[]): Message {
  const summary = new Message();
  for (const value of values) summary.message(1, value);
  return new Message().double(1, wallTime).integer(2, step).message(5, summary);
}

/** What a file begins with. */
export const opening = (wallTime: number): Message => new Message().double(1, wallTime).text(3, 'brain.Event:2');

/** Says that a run goes on from a step: what was written of it and of later ones counts no more. */
export const restart = (wallTime: number, step: number): Message => {
  const start = 1;
  return new Message().double(1, wallTime).integer(2, step).message(7, new Message().integer(1, start));
};

function plugin(name: string, content?: Message): Message {
  const data = new Message().text(1, name);
  return new Message().message(1, content === undefined ? data : data.message(2, content));
}

export const scalar = (tag: string, value: number): Message => new Message().text(1, tag).float(2, value);

/** A picture: its PNG. */
export const image = (tag: string, height: number, width: number, channels: number, png: Uint8Array): Message =>
  new Message()
    .text(1, tag)
    .message(4, new Message().integer(1, height).integer(2, width).integer(3, channels).bytes(4, png));

/** The counts of values in buckets, each up to its limit. */
export interface Histogram {
  min: number;
  max: number;
  count: number;
  sum: number;
  sumOfSquares: number;
  limits: readonly number[];
  counts: readonly number[];
}

export const histogram = (tag: string, h: Histogram): Message =>
  new Message()
    .text(1, tag)
    .message(
      5,
      new Message()
        .double(1, h.min)
        .double(2, h.max)
        .double(3, h.count)
        .double(4, h.sum)
        .double(5, h.sumOfSquares)
        .doubles(6, h.limits)
        .doubles(7, h.counts),
    );

export function text(tag: string, value: string): Message {
  const string = 7;
  const shape = new Message().message(2, new Message().integer(1, 1));
  const tensor = new Message().integer(1, string).message(2, shape).text(8, value);
  return new Message().text(1, `${tag}/text_summary`).message(8, tensor).message(9, plugin('text'));
}

/** A setting of a run. */
export type Hparam = number | string | boolean;

/** The three values that describe a run to the plugin of hyperparameters. */
export function hparams(settings: Readonly<Record<string, Hparam>>, metrics: readonly string[]): Message[] {
  const types = { string: 1, boolean: 2, number: 3 } as const;
  const experiment = new Message();
  for (const [name, value] of Object.entries(settings)) {
    experiment.message(4, new Message().text(1, name).integer(4, types[typeof value as keyof typeof types]));
  }
  for (const tag of metrics) experiment.message(5, new Message().message(1, new Message().text(2, tag)));
  const start = new Message();
  for (const [name, value] of Object.entries(settings)) {
    start.message(1, new Message().text(1, name).message(2, setting(value)));
  }
  const succeeded = 1;
  const end = new Message().integer(1, succeeded);
  const value = (tag: string, field: number, content: Message) =>
    new Message().text(1, `_hparams_/${tag}`).message(9, plugin('hparams', new Message().message(field, content)));
  return [value('experiment', 2, experiment), value('session_start_info', 3, start), value('session_end_info', 4, end)];
}

function setting(value: Hparam): Message {
  if (typeof value === 'number') return new Message().double(2, value);
  return typeof value === 'string' ? new Message().text(3, value) : new Message().integer(4, value ? 1 : 0);
}
