import { type Clipper, describeStage, type Stage } from '../../clip/clipper.js';
import { clipperOf } from '../../clip/native-stage.js';
import { tensor } from '../../creation/tensor.js';
import { float64, int64 } from '../../dtype.js';
import { describe } from '../../errors.js';
import { contiguousFormat } from '../../layout.js';
import { sameShape, shapeText } from '../../shape.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Counters, StageState } from '../engine/native-optimizer.js';
import { isRecord, mismatch, savedCount } from '../engine/saved.js';

/** A stage of clipping: its options, and what it remembers. */
export interface StageStateDict {
  [option: string]: unknown;
  name: string;
  /** How many random draws a stochastic clipper has made. */
  flips: number;
  /** How many units it has decided about, and how many of them it changed. */
  decisions: number;
  clipped: number;
  /** Numbers of each unit, by name, float64. */
  memory: Record<string, Tensor>;
  /** The norms of all units, one unit after the other, and the number of norms of each unit. */
  history: Tensor;
  lengths: Tensor;
  /** The norms that `clip.tap` has kept. */
  norms: Tensor;
  /** State tensors of a clipper that acts on elements, by the index of the parameter. */
  elements: Record<number, Tensor>;
}

/** A clipper, its memory, and the counters of skipped steps. */
export interface ClipStateDict {
  skipped: number;
  consecutive: number;
  stages: StageStateDict[];
}

/** @internal What {@link parseClip} found, checked. */
export interface RestoredClip {
  counters: Counters;
  stages: StageState[];
}

/** @internal */
export function saveClip(clip: Clipper, counters: Counters, states: readonly StageState[]): ClipStateDict {
  return { ...counters, stages: clip.stages.map((stage, k) => saveStage(stage, states[k]!)) };
}

function saveStage(stage: Stage, state: StageState): StageStateDict {
  const { flips, decisions, clipped, numbers, history, lengths, tap, elements } = state;
  const names = clipperOf(stage).numbers;
  const table = numbers.reshape([numbers.numel() / Math.max(names.length, 1), names.length || 1]);
  return {
    ...(describeStage(stage) as { name: string }),
    flips,
    decisions,
    clipped,
    memory: Object.fromEntries(
      names.map((name, i) => [name, table.select(1, i).clone({ memoryFormat: contiguousFormat })]),
    ),
    history,
    lengths,
    norms: tap,
    elements: Object.fromEntries(elements.flatMap((tensor, i) => (tensor === null ? [] : [[i, tensor]]))),
  };
}

type Groups = readonly { readonly params: readonly Tensor[] }[];

/** @internal Checks a state dict's clipper against the optimizer's; the error names the first mismatch. */
export function parseClip(saved: unknown, clip: Clipper | null, groups: Groups): RestoredClip {
  if (!isRecord(saved) || !Array.isArray(saved.stages)) {
    throw mismatch(`clip must be an object with stages, got ${describe(saved)}`);
  }
  const stages: readonly unknown[] = saved.stages;
  if (clip === null) {
    const [first] = stages;
    const name = isRecord(first) ? String(first.name) : describe(first);
    throw mismatch(`clip is "${name}"${stages.length > 1 ? ' and others' : ''}, the optimizer has no clipper`);
  }
  if (stages.length !== clip.stages.length) {
    throw mismatch(`clip has ${stages.length} stages, the optimizer's clipper has ${clip.stages.length}`);
  }
  return {
    counters: {
      skipped: savedCount('clip.skipped', saved.skipped),
      consecutive: savedCount('clip.consecutive', saved.consecutive),
    },
    stages: clip.stages.map((stage, k) => parseStage(`clip.stages[${k}]`, stages[k], stage, groups)),
  };
}

function parseStage(where: string, saved: unknown, stage: Stage, groups: Groups): StageState {
  if (!isRecord(saved)) throw mismatch(`${where} must be an object, got ${describe(saved)}`);
  for (const [name, value] of Object.entries(describeStage(stage))) {
    // Rows were once called units; JSON has no infinity and writes null.
    const found = name === 'scope' && saved.scope === 'unit' ? 'row' : saved[name];
    if (found !== value && !(found === null && value === Infinity)) {
      throw mismatch(`${where}.${name} is ${describe(found)}, the optimizer's clipper has ${describe(value)}`);
    }
  }
  const params = groups.flatMap((group) => group.params);
  const units = unitsOf(stage, groups, params);
  const names = clipperOf(stage).numbers;
  const memory = isRecord(saved.memory) ? saved.memory : {};
  const columns = names.map((name) => vector(`${where}.memory.${name}`, memory[name], float64, units));
  const rows = columns[0]?.numel() ?? 0;
  columns.forEach((column, i) => {
    if (column.numel() !== rows) throw mismatch(`${where}.memory.${names[i]} must have as many numbers as the others`);
  });
  const history = vector(`${where}.history`, saved.history, float64, Infinity);
  const lengths = vector(`${where}.lengths`, saved.lengths, int64, units);
  const list = [...lengths.toTypedArray<BigInt64Array<ArrayBuffer>>()].map(Number);
  const window = stage.options.window || Infinity;
  if (list.some((n) => n < 0 || n > window) || list.reduce((a, b) => a + b, 0) !== history.numel()) {
    throw mismatch(`${where}.lengths must add up to the ${history.numel()} norms of ${where}.history`);
  }
  const tap = vector(`${where}.norms`, saved.norms, float64, stage.tap ?? 0);
  const elements = isRecord(saved.elements) ? saved.elements : {};
  return {
    flips: savedCount(`${where}.flips`, saved.flips),
    decisions: savedCount(`${where}.decisions`, saved.decisions),
    clipped: savedCount(`${where}.clipped`, saved.clipped),
    numbers: interleaved(columns),
    history: finite(`${where}.history`, history),
    lengths,
    tap,
    elements: params.map((param, i) => element(`${where}.elements[${i}]`, elements[i], param)),
  };
}

// [units, numbers] in row-major order, as the engine has them.
function interleaved(columns: readonly Tensor[]): Tensor {
  const parts = columns.map((column) => column.toTypedArray<Float64Array<ArrayBuffer>>());
  const out = Float64Array.from({ length: parts.length * (parts[0]?.length ?? 0) }, (_, i) => {
    return parts[i % parts.length]![Math.floor(i / parts.length)]!;
  });
  return tensor(out, { shape: [out.length], dtype: float64 });
}

function unitsOf(stage: Stage, groups: Groups, params: readonly Tensor[]): number {
  const rows = ({ shape }: Tensor) => (shape.length < 2 || shape.includes(0) ? 1 : shape[0]!);
  switch (stage.scope) {
    case 'global':
      return 1;
    case 'group':
      return groups.length;
    case 'tensor':
      return params.length;
    case 'row':
      return params.reduce((sum, param) => sum + rows(param), 0);
  }
}

function vector(where: string, value: unknown, dtype: typeof float64, most: number): Tensor {
  if (!isTensor(value) || value.dim() !== 1 || value.dtype !== dtype || value.numel() > most) {
    throw mismatch(`${where} must be a ${dtype.name} Tensor of at most ${most} numbers, got ${describe(value)}`);
  }
  return value.detach().cpu();
}

function finite(where: string, t: Tensor): Tensor {
  if (!t.toTypedArray<Float64Array<ArrayBuffer>>().every(Number.isFinite)) {
    throw mismatch(`${where} must hold finite numbers`);
  }
  return t;
}

function element(where: string, value: unknown, param: Tensor): Tensor | null {
  if (value === undefined || value === null) return null;
  if (!isTensor(value) || !sameShape(value.shape, param.shape)) {
    throw mismatch(`${where} must be a Tensor of shape ${shapeText(param.shape)}, got ${describe(value)}`);
  }
  return value;
}
