// A fully sharded module's own parameters in forward and backward passes.
import { isGradEnabled } from '../../autograd/index.js';
import { native } from '../../binding/index.js';
import type { ProcessGroup } from '../../distributed/group.js';
import { countOf, type NativePass, type ShardedParameters } from '../../distributed/sharded-parameters.js';
import { TorchClipError } from '../../errors.js';
import { tensorsIn } from '../../scope.js';
import { refusePromise } from '../../sync.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Module } from '../module.js';

export type Method = (...args: never[]) => unknown;

/** A call that autograd records. */
interface Call {
  /** How many of its inputs have gradients. */
  inputs: number;
  /** Those whose gradients are still to come in this backward pass. */
  waiting: number;
  /** Whether the backward pass has reached its outputs. */
  entered: boolean;
}

/** A backward pass, with the modules that it has reached. */
interface Pass {
  readonly native: NativePass;
  readonly reached: Set<Unit>;
  /** Whose gradients are being averaged: one module's at a time, while the pass goes on. */
  averages: Unit | null;
}
let pass: Pass | null = null;

/** The pass that runs, if any: one that has failed does not come to its end, and leaves gradients as they were before. */
function currentPass(): Pass | null {
  if (pass !== null && !native.shardedPassRuns(pass.native)) {
    const { reached } = pass;
    pass = null;
    backwards.end();
    for (const unit of reached) unit.forget();
  }
  return pass;
}

/** All units of a group by their numbers, for the end of a pass. */
const members = new WeakMap<ProcessGroup, Map<number, WeakRef<Unit>>>();
/** How many calls of fully sharded modules are under way. */
let depth = 0;

/** In which order passes need modules, so that one is fetched while the one before is at work: that of the last pass. */
class Order {
  readonly #next = new WeakMap<Unit, WeakRef<Unit>>();
  #last: Unit | null = null;

  /** Fetches a module, and begins to fetch what came after it. */
  gather(unit: Unit): void {
    if (unit.parameters.whole) return;
    unit.parameters.gather();
    if (this.#last !== null) this.#next.set(this.#last, new WeakRef(unit));
    this.#last = unit;
    const next = this.#next.get(unit)?.deref();
    if (next !== undefined && !next.parameters.whole) native.shardedPrefetch(next.parameters.native);
  }
  end(): void {
    this.#last = null;
  }
}
const forwards = new Order();
const backwards = new Order();

export class Unit {
  /** How many calls of this module are under way: it may call itself. */
  #active = 0;
  readonly #calls = new Set<Call>();
  /** Whether gradients have arrived since the last were averaged. */
  #arrived = false;
  readonly #hooked = new WeakSet<Tensor>();

  /** @param reshards whether a forward pass ends without the others' parameters; null: unless it is the outermost one. */
  constructor(
    readonly parameters: ShardedParameters,
    readonly reshards: boolean | null,
  ) {
    const { group, number } = parameters;
    if (!members.has(group)) members.set(group, new Map());
    members.get(group)!.set(number, new WeakRef(this));
    this.#awaitGradients();
  }

  /** Calls a method of the module with whole parameters. */
  forward(module: Module, method: Method, given: readonly unknown[]): unknown {
    // A pass of activation checkpointing, inside of a backward pass that needs the parameters itself.
    const again = currentPass() !== null;
    const records = isGradEnabled();
    const isOutermost = depth === 0;
    let done = false;
    depth += 1;
    this.#active += 1;
    try {
      (again ? backwards : forwards).gather(this);
      const call: Call = { inputs: 0, waiting: 0, entered: false };
      const args = records ? given.map((arg) => this.#input(call, arg)) : given;
      const result = refusePromise('a fully sharded module', Reflect.apply(method, module, args), 'forward');
      // A view of a parameter would go with it.
      const output = isTensor(result) && native.isSharded(result.handle) ? result.clone() : result;
      if (records) this.#output(call, output);
      done = true;
      return output;
    } finally {
      depth -= 1;
      if (depth === 0) forwards.end();
      this.#active -= 1;
      if (!again && this.#active === 0 && (!done || (this.reshards ?? !isOutermost))) this.parameters.release();
    }
  }

  /** An input's place in the graph, which is reached when all of this call is through. */
  #input(call: Call, arg: unknown): unknown {
    if (!isTensor(arg) || !arg.requiresGrad) return arg;
    const input = arg.viewAs(arg);
    call.inputs += 1;
    input.registerHook(() => this.#leave(call));
    return input;
  }

  #output(call: Call, output: unknown): void {
    for (const owner of tensorsIn(output)) {
      const tensor = owner as Tensor;
      if (isTensor(tensor) && tensor.requiresGrad && !tensor.isLeaf) tensor.registerHook(() => this.#enter(call));
    }
  }

  #enter(call: Call): void {
    if (isGradEnabled()) {
      throw new TorchClipError(
        'ERR_STATE',
        'a backward pass that is recorded itself ("createGraph") cannot go through a fully sharded module',
      );
    }
    const running = currentPass() ?? begin();
    if (call.entered) return;
    this.#reach(running);
    call.entered = true;
    call.waiting = call.inputs;
    this.#calls.add(call);
    backwards.gather(this);
  }

  #reach(running: Pass): void {
    if (running.reached.has(this)) return;
    running.reached.add(this);
    native.shardedReach(running.native, this.parameters.native);
    this.#awaitGradients();
  }

  // Here, and not when the last gradient has come: which come may differ from rank to rank.
  #leave(call: Call): void {
    if (!call.entered) return;
    call.waiting -= 1;
    if (call.waiting > 0) return;
    this.#calls.delete(call);
    call.entered = false;
    if (this.#calls.size > 0) return;
    if (this.parameters.parameters.some((p) => p.requiresGrad)) this.#reduce();
    this.parameters.release();
  }

  #awaitGradients(): void {
    // A parameter keeps its hooks, and this object its parameters.
    const self = new WeakRef(this);
    for (const p of this.parameters.parameters) {
      if (!p.requiresGrad || this.#hooked.has(p)) continue;
      p.registerPostAccumulateGradHook(() => {
        const unit = self.deref();
        if (unit !== undefined) unit.#gradient();
      });
      this.#hooked.add(p);
    }
  }

  #gradient(): void {
    if (currentPass()?.reached.has(this) !== true) {
      throw new TorchClipError(
        'ERR_STATE',
        'a parameter of a fully sharded module was used outside of its forward pass, where its gradient is not averaged',
      );
    }
    this.#arrived = true;
  }

  #reduce(): void {
    this.#arrived = false;
    if (pass?.averages) native.shardedSettle(pass.averages.parameters.native);
    native.shardedReduce(this.parameters.native);
    if (pass !== null) pass.averages = this;
  }

  /** Averages what is left when no further gradient comes, on this rank or on another. */
  static finish(running: Pass): void {
    const groups = new Set([...running.reached].map((unit) => unit.parameters.group));
    for (const group of groups) {
      const own = [...running.reached].filter((unit) => unit.parameters.group === group);
      const left = Array.from({ length: countOf(group) }, () => false);
      for (const unit of own) left[unit.parameters.number] = unit.#arrived;
      for (const [number, isLeft] of native.shardedEnd(own[0]!.parameters.native, left).entries()) {
        if (!isLeft) continue;
        const unit = members.get(group)?.get(number)?.deref();
        if (unit === undefined) continue;
        unit.#reach(running);
        unit.#reduce();
      }
    }
    for (const unit of running.reached) native.shardedSettle(unit.parameters.native);
    // From here on nothing can fail.
    pass = null;
    backwards.end();
    for (const unit of running.reached) {
      native.shardedGive(unit.parameters.native);
      unit.forget();
    }
  }

  /** The pass is over, and the parameters were given back. */
  forget(): void {
    for (const call of this.#calls) call.entered = false;
    this.#calls.clear();
    this.#arrived = false;
    this.parameters.whole = false;
  }
}

function begin(): Pass {
  const made: Pass = {
    native: native.shardedPass(() => Unit.finish(made)),
    reached: new Set(),
    averages: null,
  };
  pass = made;
  return made;
}
