import { AutogradFunction, type FunctionContext } from '../autograd/function.js';
import { withoutHoles } from '../check.js';
import { describe, TorchClipError } from '../errors.js';
import { refuseLater } from '../sync.js';
import { isTensor, type Tensor } from '../tensor.js';
import type { BackwardHook, BackwardPreHook, Gradients } from './hook-types.js';

type Through = (gradients: (Tensor | null)[]) => (Tensor | null)[];

/** Hands its tensors on; their gradients go through a function, all at once. */
class Gate extends AutogradFunction {
  static forward(_: Through, ...tensors: Tensor[]): Tensor[] {
    return tensors;
  }

  static setupContext(ctx: FunctionContext, [through]: [Through, ...Tensor[]], outputs: Tensor[]): void {
    ctx.through = through;
    ctx.setMaterializeGrads(false);
    ctx.markNonDifferentiable(...outputs.filter((_, i) => !ctx.needsInputGrad[i + 1]));
  }

  static backward(ctx: FunctionContext, ...gradients: (Tensor | null)[]): (Tensor | null)[] {
    return [null, ...(ctx.through as Through)(gradients)];
  }
}

/** The backward pass through one call of a module, between a gate for its inputs and one for its outputs. */
export class BackwardPass<M extends object> {
  private readonly module: M;
  private readonly before: readonly BackwardPreHook<M>[];
  private readonly after: readonly BackwardHook<M>[];
  /** Held only from one gate to the other. */
  private gradOutput: Gradients = [];
  private inputs = 0;
  private gated = false;

  constructor(module: M, before: Iterable<BackwardPreHook<M>>, after: Iterable<BackwardHook<M>>) {
    this.module = module;
    this.before = [...before];
    this.after = [...after];
  }

  /** The arguments, those of them that are tensors behind the gate. */
  enter(args: readonly unknown[]): readonly unknown[] {
    this.inputs = args.length;
    return this.gate(args, (gradients) => this.finish(gradients), true);
  }

  /** The output, a tensor or an array with tensors, behind the gate. */
  leave(output: unknown): unknown {
    if (!isTensor(output) && !Array.isArray(output)) return output;
    const single = isTensor(output);
    const results = this.gate(
      single ? [output] : withoutHoles('what forward returns', output),
      (gradients) => this.begin(gradients),
      false,
    );
    return single ? results[0] : results;
  }

  private gate(
    values: readonly unknown[],
    run: (gradients: Gradients) => Gradients,
    isInput: boolean,
  ): readonly unknown[] {
    const indices = values.flatMap((value, i) => (isTensor(value) ? [i] : []));
    const tensors = indices.map((i) => values[i] as Tensor);
    if (!tensors.some((t) => t.requiresGrad)) return values;
    if (isInput) this.gated = true;
    const count = values.length;
    const through: Through = (gradients) => {
      const all = new Array<Tensor | null>(count).fill(null);
      indices.forEach((index, i) => {
        all[index] = gradients[i]!;
      });
      const changed = run(all);
      return indices.map((index) => changed[index] ?? null);
    };
    const gates = Gate.apply(through, ...tensors);
    const result = [...values];
    indices.forEach((index, i) => {
      result[index] = gates[i]!;
    });
    return result;
  }

  private begin(given: Gradients): Gradients {
    let gradients = given;
    for (const hook of this.before)
      gradients = replaced('pre-hook', gradients, refuseLater('hook', hook(this.module, gradients)));
    this.gradOutput = gradients;
    // No input requires a gradient: the hooks are called here, with none.
    if (!this.gated) this.finish(new Array<null>(this.inputs).fill(null));
    return gradients;
  }

  private finish(given: Gradients): Gradients {
    const { gradOutput } = this;
    this.gradOutput = [];
    let gradients = given;
    for (const hook of this.after)
      gradients = replaced('hook', gradients, refuseLater('hook', hook(this.module, gradients, gradOutput)));
    return gradients;
  }
}

function replaced(what: string, gradients: Gradients, result: unknown): Gradients {
  if (result === undefined || result === null) return gradients;
  const list: unknown = isTensor(result) ? [result] : result;
  if (Array.isArray(list) && list.length === gradients.length && list.every((v) => v === null || isTensor(v)))
    return list;
  throw new TorchClipError(
    'ERR_AUTOGRAD',
    `a backward ${what} must return nothing or an array of ${gradients.length} Tensors or nulls, got ${describe(result)}`,
  );
}
