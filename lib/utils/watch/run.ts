// A run as the report sees it.
import { isUsable } from './statistics.js';

/** Values at steps. */
export interface Curve {
  steps: readonly number[];
  values: readonly number[];
}

/** A run's numbers, one per step; where they come from a folder, {@link RunLog} wrote them there. */
export interface RunRecord {
  /** What the report calls it. */
  name: string;
  /** The training loss of each step. */
  loss: readonly number[];
  /** The norm of the whole gradient at each step, before clipping. */
  norm?: readonly number[];
  /** What each norm was compared with, or one level for all steps. */
  threshold?: number | readonly number[];
  /** Whether each step was clipped, or the share of its units that were. */
  clipped?: readonly (boolean | number)[];
  /** The norm of each parameter's gradient at each step, by the parameter's name. */
  layers?: Readonly<Record<string, readonly number[]>>;
  /** What came of it, as columns of the table: `{ 'test accuracy': '85.9%' }`. */
  results?: Readonly<Record<string, string | number>>;
}

/** A run, read from a record or from event files. */
export interface Run {
  name: string;
  loss: Curve;
  norm?: Curve;
  threshold?: Curve;
  clipped?: Curve;
  layers: ReadonlyMap<string, Curve>;
  results: ReadonlyMap<string, string>;
}

/** The tags under which a run's numbers stand in its event files. */
export const tags = {
  loss: 'loss',
  norm: 'clip/norm',
  threshold: 'clip/threshold',
  clipped: 'clip/clipped',
  layers: 'layers/',
} as const;

/** A run of its curves by tag; what another program wrote is recognized by its tags, undefined where it has no loss. */
export function runOf(name: string, curves: ReadonlyMap<string, Curve>): Run | undefined {
  const named = (tag: string, like: RegExp) =>
    curves.get(tag) ?? [...curves].find(([other]) => like.test(other) && !other.startsWith(tags.layers))?.[1];
  const loss = named(tags.loss, /loss/i);
  if (loss === undefined) return undefined;
  const run: Run = {
    name,
    loss,
    layers: new Map(
      [...curves]
        .filter(([tag]) => tag.startsWith(tags.layers))
        .map(([tag, curve]) => [tag.slice(tags.layers.length), curve]),
    ),
    results: new Map(),
  };
  const norm = named(tags.norm, /grad.*norm/i);
  const threshold = curves.get(tags.threshold);
  const clipped = curves.get(tags.clipped);
  if (norm) run.norm = norm;
  if (threshold) run.threshold = threshold;
  if (clipped) run.clipped = clipped;
  return run;
}

/** A run of a record. */
export function fromRecord(record: RunRecord): Run {
  const { name, loss, norm, threshold, clipped, layers = {}, results = {} } = record;
  const curve = (values: readonly number[]): Curve => ({ steps: values.map((_, i) => i + 1), values });
  const run: Run = {
    name,
    loss: curve(loss),
    layers: new Map(Object.entries(layers).map(([layer, norms]) => [layer, curve(norms)])),
    results: new Map(Object.entries(results).map(([column, value]) => [column, String(value)])),
  };
  const levels = typeof threshold === 'number' ? loss.map(() => threshold) : threshold;
  if (norm) run.norm = curve(norm);
  if (levels) run.threshold = curve(levels);
  if (clipped) run.clipped = curve(clipped.map(Number));
  else if (norm && levels) run.clipped = curve(norm.map((value, i) => (value > levels[i]! ? 1 : 0)));
  return run;
}

/** The values of a curve that can be drawn and averaged. */
export const finiteOf = (curve: Curve | undefined): number[] => curve?.values.filter(isUsable) ?? [];
