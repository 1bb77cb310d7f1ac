// The runs in one sentence, and in a table.
import { finiteOf, type Run } from './run.js';
import { lastMean, quantile, tailShare } from './statistics.js';

const window = 20;
const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 && share > 0 ? 1 : 0)}%`;

/** A number in three digits. */
export function short(x: number): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? '-' : x > 0 ? 'infinite' : '-infinite';
  const size = Math.abs(x);
  if (size >= 1e5 || (size > 0 && size < 1e-3)) return x.toExponential(1);
  return String(Number(x.toPrecision(3)));
}

/** The loss at the end, as the mean of the last steps; infinite where it is not finite. */
export function finalLoss(run: Run): number {
  const mean = lastMean(run.loss.values, window);
  return Number.isFinite(mean) ? mean : Infinity;
}

const clipRate = (run: Run) => (run.clipped === undefined ? undefined : lastMean(run.clipped.values, Infinity));

/** The step at which the loss was no number any more. */
function brokeAt({ loss }: Run): number | undefined {
  const at = loss.values.findIndex((value) => !Number.isFinite(value));
  return loss.steps[at];
}

/** What there is to say of one run. */
function ofRun(run: Run): string {
  const { loss } = run;
  const broke = brokeAt(run);
  if (broke !== undefined) return `${run.name}: the loss is not finite from step ${broke} on`;
  const first = lastMean(loss.values.slice(0, window), window);
  const words = [
    `${run.name}: the loss went from ${short(first)} to ${short(finalLoss(run))} in ${loss.values.length} steps`,
  ];
  const rate = clipRate(run);
  if (rate !== undefined) words.push(rate === 0 ? 'no step was clipped' : `${percent(rate)} of the steps were clipped`);
  const norms = finiteOf(run.norm);
  if (norms.length >= 40) {
    const share = tailShare(norms);
    if (share > 0.02)
      words.push(`its norms have a heavy tail (${percent(share)} of them, where normal ones have 0.35%)`);
  }
  return words.join(', ');
}

/** The verdict on all runs: one sentence. */
export function verdict(runs: readonly Run[]): string {
  if (runs.length === 0) return 'No run has written a loss yet.';
  if (runs.length === 1) return `${ofRun(runs[0]!)}.`;
  const order = [...runs].sort((a, b) => finalLoss(a) - finalLoss(b));
  const [best, worst] = [order[0]!, order.at(-1)!];
  const broken = order.filter((run) => brokeAt(run) !== undefined);
  const [low, high] = [finalLoss(best), finalLoss(worst)];
  if (low === Infinity)
    return `Every run ends with a loss that is not finite: ${runs.map(({ name }) => name).join(', ')}.`;
  const rate = clipRate(best);
  const words = [`${best.name} has the lowest loss at the end, ${short(low)}`];
  if (high !== Infinity) words[0] += `, against ${short(high)} for ${worst.name}`;
  if (rate !== undefined) words.push(`it clipped ${percent(rate)} of its steps`);
  if (high === Infinity) words.push(`the loss of ${broken.map(({ name }) => name).join(' and ')} stopped being finite`);
  return `${words.join('; ')}.`;
}

/** The columns of {@link rowOf}. */
export const header = [
  'run',
  'steps',
  'loss at the end',
  'lowest loss',
  'clipped',
  'median norm',
  'largest norm',
  'tail',
];

/** A run as a row of the table. */
export function rowOf(run: Run): string[] {
  const losses = finiteOf(run.loss);
  const norms = finiteOf(run.norm);
  const rate = clipRate(run);
  return [
    run.name,
    String(run.loss.steps.at(-1) ?? 0),
    short(lastMean(run.loss.values, window)),
    short(quantile(losses, 0)),
    rate === undefined ? '-' : percent(rate),
    short(quantile(norms, 0.5)),
    short(quantile(norms, 1)),
    norms.length === 0 ? '-' : percent(tailShare(norms)),
  ];
}
