import { readFileSync } from 'node:fs';
import torch, { optim } from '../../../lib/index.js';

export interface Spec {
  scheduler: string;
  options: Record<string, unknown>;
  parts?: Spec[];
  optimizer?: 'Adam';
  momentum?: number;
  /** Whether the first group's rate is changed between steps. */
  change?: boolean;
  /** Whether steps name their epoch, or by how much it grows. */
  jump?: true | number;
  metric?: 'noisy' | 'falling';
}
export interface Golden {
  lr: number[][];
  momentum?: number[][];
  state: Record<string, unknown>;
}

const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
/** The table that these tests and scripts/golden/lr_scheduler.py share. */
export const table = json('cases.json') as {
  steps: number;
  saved: number;
  lrs: number[];
  reloaded: number;
  added: number;
  addedLr: number;
  cases: Record<string, Spec>;
};
export const golden = json('../../golden/lr-scheduler.json') as Record<string, Golden>;

const functions: Record<string, (epoch: number) => number> = {
  inverse: (epoch) => 1 / (1 + 0.1 * epoch),
  stairs: (epoch) => (epoch % 9 === 0 ? 0.8 : 1),
};
const metrics = {
  noisy: (t: number) => ((t * 37 + 11) % 101) / 16 + 1,
  falling: (t: number) => 10 / (1 + Math.min(t, 90) / 8) + ((t * 29) % 7) / 64,
};
const functionOf = (name: string | string[]) => (Array.isArray(name) ? name.map((n) => functions[n]) : functions[name]);

interface Scheduler {
  step(argument?: number): void;
  getLastLr(): number[];
  stateDict(): optim.lrScheduler.LRSchedulerStateDict;
  loadStateDict(state: optim.lrScheduler.LRSchedulerStateDict): void;
}

export function makeOptimizer({ optimizer, momentum = 0 }: Partial<Spec> = {}): optim.Optimizer {
  const groups = table.lrs.map((lr) => ({ params: [torch.zeros([1], { requiresGrad: true })], lr }));
  const made = optimizer === 'Adam' ? new optim.Adam(groups) : new optim.SGD(groups, { momentum });
  return made as unknown as optim.Optimizer;
}

export function make(spec: Spec, optimizer: optim.Optimizer): Scheduler {
  const options = Object.fromEntries(
    Object.entries(spec.options).map(([name, value]) =>
      name === 'lrLambda' || name === 'scaleFn' ? [name, functionOf(value as string)] : [name, value],
    ),
  );
  const Class = optim.lrScheduler[spec.scheduler as 'StepLR'] as unknown as new (...args: unknown[]) => Scheduler;
  const schedulers = spec.parts?.map((part) => make(part, optimizer));
  if (spec.scheduler === 'ChainedScheduler') return new Class(schedulers);
  return new Class(optimizer, schedulers ? { ...options, schedulers } : options);
}

export interface Run {
  optimizer: optim.Optimizer;
  scheduler: Scheduler;
}

export function begin(spec: Spec): Run {
  const optimizer = makeOptimizer(spec);
  const scheduler = make(spec, optimizer);
  optimizer.step();
  return { optimizer, scheduler };
}

/** Step t of a case. */
export function advance(spec: Spec, { optimizer, scheduler }: Run, t: number): void {
  if (spec.change && t % 23 === 11) optimizer.paramGroups[0]!.lr *= 0.75;
  if (spec.metric) scheduler.step(metrics[spec.metric](t));
  else if (spec.jump) scheduler.step(spec.jump === true ? (t * 53) % 211 : t * spec.jump);
  else scheduler.step();
}

type AnyGroup = { lr: number; momentum?: number; betas?: number[] };
export const lrs = ({ optimizer }: Run) => optimizer.paramGroups.map(({ lr }) => lr);
export const momenta = ({ optimizer }: Run) =>
  (optimizer.paramGroups as unknown as AnyGroup[]).map(({ momentum, betas }) => betas?.[0] ?? momentum!);

/** A run in the state that another has saved, through JSON. */
export function resume(spec: Spec, from: Run): Run {
  const run = begin(spec);
  const state = JSON.parse(JSON.stringify(from.scheduler.stateDict()));
  run.optimizer.loadStateDict(from.optimizer.stateDict());
  run.scheduler.loadStateDict(state);
  return run;
}
