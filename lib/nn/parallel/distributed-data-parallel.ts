import { isGradEnabled } from '../../autograd.js';
import { native } from '../../binding/index.js';
import { check, flag, instance, kind, oneOf, positive } from '../../check.js';
import { groupOf } from '../../distributed/group.js';
import { allGatherObject, type GroupOption, getRank, ProcessGroup } from '../../distributed/index.js';
import type { NativeGroup } from '../../distributed/native.js';
import { TorchClipError } from '../../errors.js';
import type { Handle } from '../../handle.js';
import { optionsOf } from '../../options.js';
import { tensorsIn } from '../../scope.js';
import { refuseAsync, refusePromise } from '../../sync.js';
import { Embedding, EmbeddingBag } from '../layers/index.js';
import { Module } from '../module.js';
import type { Parameter } from '../parameter.js';

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
    reducerForward(reducer: NativeReducer, synchronizes: boolean): void;
    reducerBackward(reducer: NativeReducer, outputs: readonly Handle[]): void;
    reducerDelay(reducer: NativeReducer, outputs: readonly Handle[]): void;
    reducerHook(reducer: NativeReducer, hook: string): void;
  }
}

/** Options of {@link DistributedDataParallel}. */
export interface DistributedDataParallelOptions {
  /** Default: the default group. */
  processGroup?: ProcessGroup;
  /** Gradients are averaged in buckets of so many MiB; default 25. */
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

const member = instance(ProcessGroup, 'a ProcessGroup that this process belongs to');
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

/** How gradients are narrowed on their way; see {@link DistributedDataParallel.registerCommHook}. */
export type CommHook = 'bf16' | 'fp16';
const hookKind = oneOf('bf16', 'fp16');

/**
 * A module whose gradients are the mean over all ranks' batches, as `torch.nn.parallel.DistributedDataParallel` (Li et al. 2020).
 *
 * The ranks begin with the parameters and buffers of rank 0. During a backward pass, libtorch's Reducer averages gradients bucket by
 * bucket while earlier layers are still to come, so that every rank's optimizer makes the same step. The constructor, forward passes
 * (for buffers) and the end of backward passes block while they wait for the other ranks.
 *
 * Names in the state dict begin with `module.`, as in PyTorch. Clipping inside the optimizer sees the averaged gradients.
 *
 * @throws {TorchClipError} `ERR_ARGUMENT` where the ranks' parameters differ; `ERR_DISTRIBUTED` and `ERR_TIMEOUT` as collectives do.
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
  readonly #reducer: NativeReducer;
  readonly #names: readonly string[];
  /** Whether backward passes average: not in {@link noSync}. */
  #averages = true;
  /** Whether the next forward pass sends buffers: where the last one was averaged. */
  #sendsBuffers = true;
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
    this.#reducer = native.reducerMake(
      group.native,
      handles,
      trained.map(([, p]) => sparse.has(p)),
      this.#names,
      [Math.ceil(o.bucketCapMb * mebibyte), mebibyte],
      o.findUnusedParameters,
      o.gradientAsBucketView,
      o.staticGraph,
    );
    this.module = module;
    this.processGroup = group;
    this.broadcastBuffers = o.broadcastBuffers;
    this.findUnusedParameters = o.findUnusedParameters;
    this.gradientAsBucketView = o.gradientAsBucketView;
    this.staticGraph = o.staticGraph;
    this.#learns = o.staticGraph;
  }

  override forward(...args: Parameters<M['forward']>): ReturnType<M['forward']> {
    const records = isGradEnabled();
    const averages = records && this.#averages;
    if (records) this.#worded(() => native.reducerForward(this.#reducer, averages));
    if (this.broadcastBuffers && this.#sendsBuffers) {
      const buffers = this.module.buffers().map((t) => t.handle);
      if (buffers.length > 0) native.broadcastCoalesced(this.processGroup.native, buffers, broadcastBytes, 0);
    }
    const output = this.module.call(...args) as ReturnType<M['forward']>;
    this.#sendsBuffers = averages;
    if (averages) {
      const unused = this.findUnusedParameters && !this.staticGraph;
      const outputs = unused || this.#learns ? tensorsIn(output).map((t) => t.handle) : [];
      this.#worded(() => native.reducerBackward(this.#reducer, unused ? outputs : []));
      if (this.#learns) native.reducerDelay(this.#reducer, outputs);
      this.#learns = false;
    }
    return output;
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

  /**
   * Has gradients sent in 16 bits, once and before the first backward pass: `'bf16'` keeps the range of float32, `'fp16'` more digits.
   * The parameters and what the optimizer adds stay as they are.
   */
  registerCommHook(hook: CommHook): void {
    this.#worded(() => native.reducerHook(this.#reducer, check('hook', hook, hookKind)));
  }

  /** libtorch's refusals, which speak of positions and of options of Python. */
  #worded(call: () => void): void {
    try {
      call();
    } catch (error) {
      throw error instanceof TorchClipError ? this.#own(error) : error;
    }
  }

  #own(error: TorchClipError): TorchClipError {
    const { message } = error;
    const rank = `rank ${getRank()}`;
    const counts = /has (\d+) params, while rank \d+ has inconsistent (\d+) params/.exec(message);
    if (counts) {
      return new TorchClipError(
        'ERR_ARGUMENT',
        `"module" must have the same parameters on all ranks, got ${counts[1]} that require gradients on ${rank} and ${counts[2]} on another`,
        { cause: error },
      );
    }
    const shape = /params\[(\d+)\] in this process with sizes (\[[^\]]*\])/.exec(message);
    if (shape) {
      return new TorchClipError(
        'ERR_ARGUMENT',
        `"module" must have the same parameters on all ranks, got "${this.#names[Number(shape[1])]}" of shape ${shape[2]} on ${rank}, which rank 0 does not have`,
        { cause: error },
      );
    }
    if (message.includes('Expected to have finished reduction')) {
      const missing = /did not receive grad for rank \d+: ([\d ]+)/.exec(message)?.[1]?.trim().split(/\s+/) ?? [];
      const names = missing.map((i) => this.#names[Number(i)]).join(', ');
      return new TorchClipError(
        'ERR_STATE',
        `the last backward pass gave no gradient to ${names === '' ? 'some parameters' : names}: pass { findUnusedParameters: true }, or use every output in the loss`,
        { cause: error },
      );
    }
    return error;
  }
}

/** Refuses on all ranks where one has other parameters than rank 0. */
function checkSame(group: ProcessGroup, trained: readonly (readonly [string, Parameter])[]): void {
  const own = trained.map(([name, p]) => [name, `${p.dtype.name} [${p.shape.join(', ')}]`] as const);
  const all = allGatherObject(own, { group, wait: true }) as unknown as (readonly [string, string])[][];
  const first = all[0]!;
  for (const [rank, list] of all.entries()) {
    const at = first.findIndex(([name, what], i) => name !== list[i]?.[0] || what !== list[i]?.[1]);
    if (at < 0 && list.length === first.length) continue;
    const say = (one: readonly [string, string] | undefined) =>
      one === undefined ? 'no more' : `"${one[0]}", ${one[1]}`;
    const i = at < 0 ? first.length : at;
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"module" must have the same parameters on all ranks, got as parameter ${i} on rank ${group.ranks[0]} ${say(first[i])}, and on rank ${group.ranks[rank]} ${say(list[i])}`,
    );
  }
}

/** Those whose gradients are sparse tensors. */
function sparseParameters(module: Module): Set<Parameter> {
  const layers = module.modules().filter((m) => (m instanceof Embedding || m instanceof EmbeddingBag) && m.sparse);
  return new Set(layers.flatMap((m) => m.parameters({ recurse: false })));
}
