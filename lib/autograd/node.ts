import { native } from '../binding/index.js';
import { elementsOf } from '../check.js';
import { invalidArgument, isCallable } from '../errors.js';
import { checkOwn, own } from '../own.js';
import { refuseLater } from '../sync.js';
import { type Handle, isTensor, type Tensor, wrap } from '../tensor.js';
import { type GraphHook, type HookHandle, removable } from './hook.js';

declare const brand: unique symbol;
type NativeNode = { readonly [brand]: 'node' };
/** @internal */
export type NativeEdge = readonly [node: NativeNode, input: number];
type Handles = (Handle | null)[];

declare module '../binding/index.js' {
  interface Native {
    gradientEdge(t: Handle): NativeEdge;
    nodeName(node: NativeNode): string;
    nodeNext(node: NativeNode): [node: NativeNode | null, input: number][];
    nodeSame(node: NativeNode, other: NativeNode): boolean;
    /** Null where an input was not reached. */
    gradOfEdges(
      outputs: NativeEdge[],
      gradOutputs: Handle[],
      inputs: NativeEdge[],
      retainGraph: boolean,
      createGraph: boolean,
    ): Handles;
    registerNodeHook(
      node: NativeNode,
      before: boolean,
      hook: (first: Handles, second?: Handles) => Handles | undefined,
    ): GraphHook;
  }
}

/** A hook's replacement for the gradients it was given: as many, null for none; nothing to leave them. */
export type Replaced = readonly (Tensor | null)[] | undefined;

/**
 * An operation of a graph, as the backward pass sees it. It keeps the graph behind it.
 *
 * @example
 * console.log(loss.gradFn!.name()); // MeanBackward0
 */
export class Node {
  /** @internal */
  readonly native: NativeNode;

  /** @internal */
  constructor(token: typeof own, native: NativeNode) {
    checkOwn(token, 'Node', 'an operation on tensors');
    this.native = native;
  }

  /** Its name, such as `'MulBackward0'`. */
  name(): string {
    return native.nodeName(this.native);
  }

  /** The nodes that its gradients go to, and which input each is there; null where none is needed. */
  get nextFunctions(): [node: Node | null, input: number][] {
    return native.nodeNext(this.native).map(([node, input]) => [node && new Node(own, node), input]);
  }

  /** Whether the other object is of the very same node. */
  isSame(other: Node): boolean {
    if (!(other instanceof Node)) throw invalidArgument('other', 'a Node', other);
    return native.nodeSame(this.native, other.native);
  }

  /** Calls `hook` before the node runs in a backward pass, with the gradients of its outputs, which it can replace. */
  registerPrehook(hook: (gradOutputs: (Tensor | null)[]) => Replaced): HookHandle {
    return nodeHook(this.native, true, hook);
  }

  /** Calls `hook` after the node has run, with the gradients of its inputs, which it can replace, and of its outputs. */
  registerHook(hook: (gradInputs: (Tensor | null)[], gradOutputs: (Tensor | null)[]) => Replaced): HookHandle {
    return nodeHook(this.native, false, hook);
  }
}

// Apart from the class: the hook must not hold the node, which holds the hook.
function nodeHook(
  node: NativeNode,
  before: boolean,
  hook: (first: (Tensor | null)[], second: (Tensor | null)[]) => Replaced,
): HookHandle {
  if (!isCallable(hook)) throw invalidArgument('hook', 'a function', hook);
  return removable(native.registerNodeHook(node, before, calling(hook)));
}

function calling(hook: (first: (Tensor | null)[], second: (Tensor | null)[]) => Replaced) {
  return (first: Handles, second: Handles = []): Handles | undefined => {
    const replaced: unknown = refuseLater('hook', hook(wrapAll(first), wrapAll(second)));
    if (replaced === undefined || replaced === null) return undefined;
    if (!Array.isArray(replaced)) throw invalidArgument('the result of a hook', 'an array of Tensors', replaced);
    return elementsOf(replaced as unknown[]).map((tensor, i) => {
      if (tensor !== null && !isTensor(tensor)) {
        throw invalidArgument(`the result of a hook[${i}]`, 'a Tensor or null', tensor);
      }
      return tensor === null ? null : tensor.handle;
    });
  };
}

/** The tensors of handles, null where there is none. */
export const wrapAll = (handles: Handles) => handles.map((handle) => (handle === null ? null : wrap(handle)));

/**
 * Where a gradient arrives in a graph: an input of a node. It stands for a tensor in `autograd.grad`, and goes on doing so when the tensor
 * was written in place or let go.
 *
 * @example
 * const edge = torch.autograd.graph.getGradientEdge(hidden);
 */
export class GradientEdge {
  /** The operation that made the tensor; for a leaf the one that accumulates into `grad`. */
  readonly node: Node;
  /** Which of its outputs the tensor was. */
  readonly outputNr: number;

  /** @internal */
  constructor(token: typeof own, edge: NativeEdge) {
    checkOwn(token, 'GradientEdge', 'torch.autograd.graph.getGradientEdge()');
    const [node, input] = edge;
    this.node = new Node(own, node);
    this.outputNr = input;
  }
}

/**
 * The edge at which a tensor's gradient arrives.
 *
 * @throws {TorchClipError} `ERR_AUTOGRAD` for a tensor that does not require gradients.
 *
 * @example
 * const edge = torch.autograd.graph.getGradientEdge(y);
 * const [dy] = torch.autograd.grad(loss, edge);
 */
export function getGradientEdge(tensor: Tensor): GradientEdge {
  if (!isTensor(tensor)) throw invalidArgument('tensor', 'a Tensor', tensor);
  return new GradientEdge(own, native.gradientEdge(tensor.handle));
}

/** @internal */
export const edgeOf = (source: Tensor | GradientEdge): NativeEdge =>
  isTensor(source) ? native.gradientEdge(source.handle) : [source.node.native, source.outputNr];
