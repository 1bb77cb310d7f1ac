import { isGradEnabled } from '../../autograd/index.js';
import { native } from '../../binding/index.js';
import { callable, check, flag, instance, kind, positive, synchronous } from '../../check.js';
import { full } from '../../creation/full.js';
import type { NativeGroup } from '../../distributed/c10d.js';
import { type GroupOption, getRank, groupOf, member, type ProcessGroup } from '../../distributed/group.js';
import { allReduce } from '../../distributed/reductions.js';
import { noteReduced, requireWhole } from '../../distributed/sharded-parameters.js';
import { TorchClipError } from '../../errors.js';
import type { Handle } from '../../handle.js';
import { tensor } from '../../kinds.js';
import { optionsOf } from '../../options.js';
import { tensorsIn } from '../../scope.js';
import { refuseAsync, refusePromise } from '../../sync.js';
import { type Tensor, wrap } from '../../tensor.js';
import { Embedding, EmbeddingBag } from '../layers/index.js';
import { Module } from '../module.js';
import type { Parameter } from '../parameter.js';
import { checkSame, worded } from './agreement.js';
import { SyncBatchNorm } from './sync-batch-norm.js';

declare const brand: unique symbol;
type NativeReducer = object & { readonly [brand]: 'reducer' };

declare module '../../binding/index.js' {
  interface Native {
    reducerVerify(group: NativeGroup, parameters: readonly Handle[]): void;
    broadcastCoalesced(group: NativeGroup, tensors: readonly Handle[], bytes: number, root: number): void;
    reducerMake(
      group: NativeGroup,
      parameters: readonly Handle[],
      sparse: readonly boolean[],
      names: readonly string[],
      bytes: readonly [bucket: number, first: number],
      findUnused: boolean,
      bucketView: boolean,
      staticGraph: boolean,
    ): NativeReducer;
    reducerFailed(reducer: NativeReducer): boolean;
    reducerForward(reducer: NativeReducer, synchronizes: boolean): void;
    reducerBackward(reducer: NativeReducer, outputs: readonly Handle[]): void;
    reducerDelay(reducer: NativeReducer, outputs: readonly Handle[]): void;
    reducerHook(
      reducer: NativeReducer,
      hook: string | ((index: number, isLast: boolean, buffer: Handle, gradients: readonly Handle[]) => Handle),
    ): void;
    reducerActive(reducer: NativeReducer, joined: boolean, keepsSize: boolean): number;
    reducerMatch(reducer: NativeReducer, findUnused: boolean): void;
  }
}

/** Options of {@link DistributedDataParallel}. */
export interface DistributedDataParallelOptions {
  /** Default: the default group. */
  processGroup?: ProcessGroup;
  /** The size in MiB of the buckets in which gradients are averaged; default 25. */
  bucketCapMb?: number;
  /** Whether every forward pass begins with the buffers of rank 0; default true. */
  broadcastBuffers?: boolean;
  /** Whether parameters may get no gradient in a backward pass; costs a walk through the graph. Default false. */
  findUnusedParameters?: boolean;
  /** Whether `grad` lies in the buckets, which saves a copy; then it must not be detached in place. Default false. */
  gradientAsBucketView?: boolean;
  /** Whether every step has the same graph: unused parameters are found once. Default false. */
  staticGraph?: boolean;
}

const read = optionsOf('DistributedDataParallel', {
  processGroup: [kind<ProcessGroup | undefined>(member.expected, member.accepts), undefined],
  bucketCapMb: [positive, 25],
  broadcastBuffers: [flag, true],
  findUnusedParameters: [flag, false],
  gradientAsBucketView: [flag, false],
  staticGraph: [flag, false],
});

const mebibyte = 2 ** 20;
/** How much is sent at once where modules become alike; PyTorch's number, as all ranks need the same. */
const broadcastBytes = 250 * mebibyte;

/** Gradients that are sent together. */
export interface GradBucket {
  /** Its place among the buckets, in the order of their reductions. */
  readonly index: number;
  readonly isLast: boolean;
  /** This rank's gradients of several parameters, flat. */
  readonly buffer: Tensor;
  /** The gradient of each of these parameters: views of `buffer`. */
  readonly gradients: readonly Tensor[];
}

/**
 * How gradients are averaged: narrowed on their way, or by a function that returns the mean of a bucket over the ranks, with as many
 * elements as the bucket; see {@link DistributedDataParallel.registerCommHook}.
 */
export type CommHook = 'bf16' | 'fp16' | ((bucket: GradBucket) => Tensor);
const hookKind = kind<CommHook>(
  '"bf16", "fp16" or a synchronous function',
  (value) => value === 'bf16' || value === 'fp16' || synchronous().accepts(value),
);

/** Options of {@link DistributedDataParallel.join}. */
export interface JoinOptions {
  /**
   * Whether gradients are divided by the number of all ranks to the end, so that each input weighs the same; default true. False: by the
   * number of those that still have inputs.
   */
  divideByInitialWorldSize?: boolean;
}

const readJoin = optionsOf('join()', { divideByInitialWorldSize: [flag, true] });

/**
 * A module whose gradients are the mean over all ranks' batches, as `torch.nn.parallel.DistributedDataParallel` (Li et al. 2020).
 *
 * The ranks begin with the parameters and buffers of rank 0. During a backward pass, libtorch's Reducer averages gradients bucket by
 * bucket while earlier layers are still to come, so that every rank's optimizer makes the same step. The constructor, forward passes
 * (for buffers) and the end of backward passes block while they wait for the other ranks.
 *
 * After a backward pass that has thrown, a process alone in its group goes on with the next forward pass, as without this class; of
 * several ranks, some may have finished the pass, and each makes a new DistributedDataParallel of its module.
 *
 * Names in the state dict begin with `module.`, as in PyTorch. Clipping inside the optimizer sees the averaged gradients.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` where the ranks' parameters differ; `ERR_STATE` in a forward pass of several ranks after a backward
 * pass that failed; `ERR_DISTRIBUTED` and `ERR_TIMEOUT` as collectives do.
 *
 * @example
 * await torch.distributed.initProcessGroup();
 * const model = new nn.parallel.DistributedDataParallel(new Net());
 * const optimizer = new optim.AdamW(model.parameters(), { clip: clip.norm(1) });
 * for (const [x, y] of loader) {
 *   optimizer.zeroGrad();
 *   loss(model.forward(x), y).backward();
 *   optimizer.step();
 * }
 */
export class DistributedDataParallel<M extends Module = Module> extends Module {
  /** The wrapped module. */
  readonly module: M;
  readonly processGroup: ProcessGroup;
  readonly broadcastBuffers: boolean;
  readonly findUnusedParameters: boolean;
  readonly gradientAsBucketView: boolean;
  readonly staticGraph: boolean;
  readonly #makeReducer: () => NativeReducer;
  #reducer: NativeReducer;
  readonly #names: readonly string[];
  /** Whether backward passes average: not in {@link noSync}. */
  #averages = true;
  /** Whether the next forward pass sends buffers: where the last one was averaged. */
  #sendsBuffers = true;
  /** What {@link join} asks of forward passes, while it runs. */
  #join: { keepsSize: boolean } | null = null;
  #hook: ((bucket: GradBucket) => Tensor) | undefined;
  /** How the reducer averages, if not in its own way. */
  #averaging: Parameters<typeof native.reducerHook>[1] | undefined;
  /** Whether the first backward pass of a static graph is still to come. */
  #learns: boolean;

  constructor(module: M, options?: DistributedDataParallelOptions) {
    super();
    const o = read(options, new.target.name);
    check('module', module, instance(Module, 'a Module'));
    const group = check('processGroup', groupOf(o.processGroup as GroupOption | undefined), member);
    const trained = module.namedParameters().filter(([, p]) => p.requiresGrad);
    if (trained.length === 0) {
      throw new TorchClipError('ERR_ARGUMENT', '"module" must have a parameter that requires gradients, got none');
    }
    requireWhole(
      'DistributedDataParallel needs whole parameters',
      trained.map(([, p]) => p),
    );
    const devices = new Set(trained.map(([, p]) => String(p.device)));
    if (devices.size > 1) {
      throw new TorchClipError(
        'ERR_DEVICE',
        `"module" must have its parameters on one device, got ${[...devices].join(' and ')}`,
      );
    }
    this.#names = trained.map(([name]) => name);
    const handles = trained.map(([, p]) => p.handle);
    // c10d's own check throws on some ranks, and leaves the others waiting; it is what ranks of Python take part in.
    if (group.alike) checkSame(group, trained);
    else this.#worded(() => native.reducerVerify(group.native, handles));
    const state = [...module.parameters(), ...(o.broadcastBuffers ? module.buffers() : [])].map((t) => t.handle);
    native.broadcastCoalesced(group.native, state, broadcastBytes, 0);
    const sparse = sparseParameters(module);
    const isSparse = trained.map(([, p]) => sparse.has(p));
    this.#makeReducer = () =>
      native.reducerMake(
        group.native,
        handles,
        isSparse,
        this.#names,
        [Math.ceil(o.bucketCapMb * mebibyte), mebibyte],
        o.findUnusedParameters,
        o.gradientAsBucketView,
        o.staticGraph,
      );
    this.#reducer = this.#makeReducer();
    noteReduced(trained.map(([, p]) => p));
    this.module = module;
    this.processGroup = group;
    this.broadcastBuffers = o.broadcastBuffers;
    this.findUnusedParameters = o.findUnusedParameters;
    this.gradientAsBucketView = o.gradientAsBucketView;
    this.staticGraph = o.staticGraph;
    this.#learns = o.staticGraph;
  }

  override forward(...args: Parameters<M['forward']>): ReturnType<M['forward']> {
    if (native.reducerFailed(this.#reducer)) this.#recover();
    const records = isGradEnabled();
    const averages = records && this.#averages;
    if (this.#join !== null) native.reducerActive(this.#reducer, false, this.#join.keepsSize);
    if (records) this.#worded(() => native.reducerForward(this.#reducer, averages));
    if (this.broadcastBuffers && this.#sendsBuffers) {
      this.#sendBuffers();
    }
    if (this.#join !== null) this.#someAverage(averages);
    const output = this.module.call(...args) as ReturnType<M['forward']>;
    this.#sendsBuffers = averages;
    if (averages) {
      const unused = this.findUnusedParameters && !this.staticGraph;
      const looks = unused || this.#learns;
      const outputs = looks
        ? tensorsIn(refusePromise('DistributedDataParallel', output, 'forward')).map((t) => t.handle)
        : [];
      this.#worded(() => native.reducerBackward(this.#reducer, unused ? outputs : []));
      if (this.#learns) native.reducerDelay(this.#reducer, outputs);
      this.#learns = false;
    }
    return output;
  }

  /** Goes on after a backward pass that failed, of which the reducer still awaits the rest. */
  #recover(): void {
    if (this.processGroup.size > 1) {
      throw new TorchClipError(
        'ERR_STATE',
        'the last backward pass failed on this rank, and the others may have gone on: make a new DistributedDataParallel of the module on every rank',
      );
    }
    const reducer = this.#makeReducer();
    if (this.#averaging !== undefined) native.reducerHook(reducer, this.#averaging);
    this.#reducer = reducer;
    this.#learns = this.staticGraph;
  }

  /**
   * Runs `body` with gradients that add up on each rank alone; the first backward pass after it averages the sum. All of a step's
   * forward passes belong inside or outside together.
   *
   * @param body a synchronous function.
   * @returns what `body` returns.
   *
   * @example
   * model.noSync(() => loss(model.forward(x1), y1).backward());
   * loss(model.forward(x2), y2).backward(); // averages both
   */
  noSync<T>(body: () => T): T {
    refuseAsync('noSync', body);
    const before = this.#averages;
    this.#averages = false;
    try {
      return refusePromise('noSync', body());
    } finally {
      this.#averages = before;
    }
  }

  /** Whether any rank's backward pass is to average; the same on all. */
  #someAverage(own: boolean): boolean {
    const flag = full([], Number(own));
    allReduce(flag, { op: 'max', group: this.processGroup, wait: true });
    return flag.item() !== 0;
  }

  /**
   * Runs a training loop whose ranks have different numbers of batches: those that are through take part in the others' steps with zeros
   * until all are. In the end all have the parameters and buffers of a rank that was among the last.
   *
   * Every rank calls it, once per pass over the data; what else is called by all ranks together, such as a step of a sharded optimizer or
   * a collective, must not be called in it.
   *
   * @throws {TorchClipError} rejects with `ERR_STATE` for several ranks' module with a {@link SyncBatchNorm} that trains.
   *
   * @param body makes the forward and backward passes and the steps; it may be asynchronous.
   * @returns what `body` returns.
   *
   * @example
   * await model.join(() => {
   *   for (const [x, y] of loader) train(x, y);
   * });
   */
  async join<T>(body: () => T | Promise<T>, options?: JoinOptions): Promise<T> {
    const { divideByInitialWorldSize: keepsSize } = readJoin(options);
    check('body', body, callable());
    if (this.#join !== null) throw new TorchClipError('ERR_STATE', 'join() cannot be called within join()');
    if (this.processGroup.size > 1 && this.module.modules().some((m) => m instanceof SyncBatchNorm && m.training)) {
      throw new TorchClipError(
        'ERR_STATE',
        'join() cannot run a module with a SyncBatchNorm: its forward passes are calls of all ranks, and a rank that is through makes none',
      );
    }
    this.#join = { keepsSize };
    let result: T;
    try {
      result = await body();
    } finally {
      this.#join = null;
    }
    let last = true;
    while (native.reducerActive(this.#reducer, true, keepsSize) > 0) {
      last = false;
      this.#shadow();
    }
    // The last of those that were through last.
    const from = full([], last ? getRank(this.processGroup) : -1);
    allReduce(from, { op: 'max', group: this.processGroup, wait: true });
    const state = [...this.module.parameters(), ...this.module.buffers()].map((t) => t.handle);
    native.broadcastCoalesced(this.processGroup.native, state, broadcastBytes, Number(from.item()));
    return result;
  }

  /** What a rank without inputs does while the others make a step. */
  #shadow(): void {
    native.reducerForward(this.#reducer, false);
    if (this.broadcastBuffers && this.#sendsBuffers) this.#sendBuffers();
    this.#sendsBuffers = this.#someAverage(false);
    if (this.#sendsBuffers) native.reducerMatch(this.#reducer, this.findUnusedParameters && !this.staticGraph);
  }

  #sendBuffers(): void {
    const buffers = this.module.buffers().map((t) => t.handle);
    native.broadcastCoalesced(this.processGroup.native, buffers, broadcastBytes, 0);
  }

  /**
   * Chooses how gradients are averaged, once and before the first backward pass. `'bf16'` and `'fp16'` send them in 16 bits: the first
   * keeps the range of float32, the second more digits; the parameters and what the optimizer adds stay as they are. A function is
   * called for each bucket, on every rank in the same order, within the backward pass: it calls collectives that block, and returns the
   * mean.
   *
   * @example
   * model.registerCommHook(({ buffer }) => {
   *   const narrow = buffer.to(torch.bfloat16);
   *   torch.distributed.allReduce(narrow, { op: 'avg', wait: true });
   *   return narrow.to(buffer.dtype);
   * });
   */
  registerCommHook(hook: CommHook): void {
    const checked = check('hook', hook, hookKind);
    if (typeof checked === 'string') {
      this.#worded(() => native.reducerHook(this.#reducer, checked));
      this.#averaging = checked;
      return;
    }
    // The reducer keeps the function; this object, which it would keep with it, keeps the hook.
    const self = new WeakRef(this);
    const run = (index: number, isLast: boolean, buffer: Handle, gradients: readonly Handle[]): Handle =>
      self.deref()!.#reduced({ index, isLast, buffer: wrap(buffer), gradients: gradients.map((g) => wrap(g)) });
    this.#worded(() => native.reducerHook(this.#reducer, run));
    this.#averaging = run;
    this.#hook = checked;
  }

  #reduced(bucket: GradBucket): Handle {
    const result = refusePromise('a communication hook', this.#hook!(bucket));
    return check('the result of a communication hook', result, tensor).handle;
  }

  #worded(call: () => void): void {
    worded(this.#names, call);
  }
}

/** Those whose gradients are sparse tensors. */
function sparseParameters(module: Module): Set<Parameter> {
  const layers = module.modules().filter((m) => (m instanceof Embedding || m instanceof EmbeddingBag) && m.sparse);
  return new Set(layers.flatMap((m) => m.parameters({ recurse: false })));
}
