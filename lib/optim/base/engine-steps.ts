import { native } from '../../binding/index.js';
import type { Stage } from '../../clip/clipper.js';
import { askCustom } from '../../clip/compose.js';
import { holdInGraph, isCapturing } from '../../cuda/graph.js';
import { engine } from '../../engine.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { type Handle, isTensor, type Tensor, wrap } from '../../tensor.js';
import type { NativeOptimizer } from '../engine/native-optimizer.js';
import type { AddedGroups } from './groups.js';
import type { ParamGroup } from './parameters.js';

/** @internal What a subclass or a gradient scaler asks of one step. */
export interface StepRequest {
  /** Computes the step of a rule that leaves it to TypeScript; what it throws undoes the step. */
  readonly outside?: () => void;
  /** A tensor of one number that gradients are multiplied by first; a step that then finds NaN or inf in them is skipped. */
  readonly inverse?: Tensor;
  /** Waits for the answer where only the device knows it. */
  readonly exactly?: boolean;
}

/** @internal The result of one step. */
export interface StepResult {
  /** False where the step was skipped; without `exactly` a GPU may say true of one that was. */
  readonly taken: boolean;
  /** With `inverse`: 1 where gradients held NaN or inf, else 0, on the device; null where no parameter has a gradient. */
  readonly found: Tensor | null;
  /** The error that the step must throw. */
  readonly refusal?: TorchClipError;
}

/** @internal What `step` asks for; shared, as are the results below, so that an ordinary step allocates neither. */
export const ordinary: StepRequest = {};
const stepped: StepResult = { taken: true, found: null };
const skipped: StepResult = { taken: false, found: null };
const refused = (why: string): StepResult => ({ ...skipped, refusal: new TorchClipError('ERR_NONFINITE', why) });

/** What a step needs of its optimizer. */
interface StepOwner<G> {
  readonly paramGroups: readonly ParamGroup<G>[];
  beforeReplay(): void;
}

/** @internal The steps of an optimizer in the engine: what goes into one, and what its outcome means. */
export class EngineSteps<G> {
  readonly #native: NativeOptimizer;
  readonly #groups: AddedGroups<G>;
  readonly #maxConsecutiveSkips: number;
  readonly #custom: ((stage: number, norms: Handle, numels: Handle) => Float64Array) | undefined;
  /** How often the engine was asked for a step. */
  asked = 0;
  // The rule and the options of each group, as the engine reads them.
  #settings = new Float64Array(0);

  constructor(
    optimizer: NativeOptimizer,
    groups: AddedGroups<G>,
    { stages, maxConsecutiveSkips }: { stages: readonly Stage[]; maxConsecutiveSkips: number },
  ) {
    this.#native = optimizer;
    this.#groups = groups;
    this.#maxConsecutiveSkips = maxConsecutiveSkips;
    if (stages.some(({ custom }) => custom !== undefined)) {
      this.#custom = (stage, norms, numels) =>
        askCustom(
          stages[stage]!.custom!,
          wrap(norms).toTypedArray<Float64Array<ArrayBuffer>>(),
          wrap(numels).toTypedArray<BigInt64Array<ArrayBuffer>>(),
        );
    }
  }

  /** Makes room for the settings of that many groups. */
  fit(groups: number): void {
    this.#settings = new Float64Array(groups * engine.groupLength);
  }

  /** Has the engine take a step; a graph that captures it keeps `owner`. */
  take(owner: StepOwner<G>, { outside, inverse, exactly = false }: StepRequest): StepResult {
    if (exactly && isCapturing()) {
      throw new TorchClipError(
        'ERR_STATE',
        'a graph cannot capture a step of an optimizer whose learning rate depends on how many steps were taken',
      );
    }
    this.#fillSettings(owner.paramGroups);
    holdInGraph(owner);
    const before = exactly ? this.#skipped() : 0;
    const [optimizer, settings, custom] = [this.#native, this.#settings, this.#custom];
    this.asked++;
    if (inverse === undefined) {
      const result = this.#resultOf(native.optimStep(optimizer, settings, custom, outside));
      return exactly && result.taken && this.#skipped() > before ? skipped : result;
    }
    const { outcome, found: handle } = native.optimStep(optimizer, settings, custom, outside, inverse.handle);
    const found = handle === null ? null : wrap(handle);
    const { taken, refusal } = this.#resultOf(outcome);
    return { taken: taken && !(exactly && (this.#skipped() > before || found?.item() !== 0)), found, refusal };
  }

  #resultOf(outcome: number): StepResult {
    switch (engine.outcomes[outcome]) {
      case 'stepped':
        return stepped;
      case 'tooManySkips':
        return refused(
          `more than maxConsecutiveSkips = ${this.#maxConsecutiveSkips} steps in a row had gradients with NaN or inf and were skipped`,
        );
      case 'nonFinite':
        return refused('gradients hold NaN or inf, and nonFinite is "error": nothing was changed');
    }
    return skipped;
  }

  #skipped(): number {
    return native.optimCounters(this.#native).skipped;
  }

  /** Tells the engine the options that the steps of a graph use in its next replay. */
  refresh(groups: readonly ParamGroup<G>[]): void {
    this.#fillSettings(groups);
    native.optimRefresh(this.#native, this.#settings);
  }

  #fillSettings(groups: readonly ParamGroup<G>[]): void {
    this.#groups.checkAssigned(groups);
    let start = 0;
    for (const [i, group] of groups.entries()) {
      const options = group as unknown as Readonly<Record<string, unknown>>;
      const rule = this.#groups.rule(group);
      let at = start;
      this.#settings[at++] = rule.index;
      this.#settings[at++] = Number(options.maximize);
      for (const { option, read } of rule.readers) {
        let value = read(options);
        if (isTensor(value) && value.numel() === 1) value = value.item();
        if (value === null && this.#groups.definition.options[option as keyof G][1] === null) value = Number.NaN;
        if (typeof value !== 'number' && typeof value !== 'boolean') {
          throw invalidArgument(`paramGroups[${i}].${option}`, 'a number', value);
        }
        this.#settings[at++] = Number(value);
      }
      start += engine.groupLength;
    }
  }
}
