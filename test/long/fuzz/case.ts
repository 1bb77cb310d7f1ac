// One case: a call with random arguments, and a look at what it gave.
import { inspect, types } from 'node:util';
import torch, { type Tensor } from '../../../lib/index.js';
import type { Schema } from '../../../lib/ops/types.js';
import { fault } from './faults.js';
import type { Kind } from './kinds.js';
import { runOptions } from './options.js';
import { Random } from './random.js';
import { runSequence } from './sequences.js';
import { isTensor, type Target, targets } from './targets.js';
import { randomTensor, randomTheme, type Theme } from './tensors.js';
import { randomAnything, randomArgument, randomHostile } from './values.js';

interface Call {
  target: Target;
  receiver: unknown;
  args: unknown[];
  outs: unknown;
}

function fromSchema(r: Random, schema: Schema, theme: Theme, target: Target): Call {
  const hostility = r.pick([0, 0, 0, 0.1, 0.4]);
  const wild = r.pick([0, 0, 0.1, 0.5]);
  const pool: Tensor[] = [];
  const args: unknown[] = [];
  const options: Record<string, unknown> = {};
  let receiver: unknown;
  for (const arg of schema.args) {
    if (arg.out) continue;
    if (arg.hasDefault && r.chance(0.6)) continue;
    let value = r.chance(hostility) ? randomHostile(r, theme) : randomArgument(r, arg, theme, wild);
    // The same tensor twice: an input that is also written to.
    if (isTensor(value) && pool.length > 0 && r.chance(0.15)) value = r.pick(pool);
    if (isTensor(value)) pool.push(value);
    if (target.kind === 'method' && arg.name === 'self') receiver = isTensor(value) ? value : randomTensor(r, theme);
    else if (arg.hasDefault || arg.keywordOnly) options[arg.key] = value;
    else args.push(value);
  }
  const outs = schema.args.filter((arg) => arg.out);
  const out = () => (pool.length > 0 && r.chance(0.2) ? r.pick(pool) : randomTensor(r, theme));
  if (outs.length > 0) options.out = outs.length === 1 ? out() : outs.map(out);
  if (Object.keys(options).length > 0) args.push(options);
  return { target, receiver, args, outs: options.out };
}

function makeCall(r: Random, target: Target): Call {
  const theme = randomTheme(r);
  if (target.schemas.length > 0 && r.chance(0.93)) return fromSchema(r, r.pick(target.schemas), theme, target);
  const hostility = r.pick([0.1, 0.5]);
  const value = () => (r.chance(hostility) ? randomHostile(r, theme) : randomAnything(r, theme));
  const args = r.times(r.below(4), value);
  if (r.chance(0.3)) {
    const keys = [
      'dim',
      'dtype',
      'out',
      'lr',
      'gradient',
      'shape',
      'size',
      'requiresGrad',
      'generator',
      'normType',
      'inputs',
    ];
    args.push(Object.fromEntries(r.times(1 + r.below(2), () => [r.pick(keys), value()])));
  }
  const own = target.make?.() ?? randomTensor(r, theme);
  return { target, receiver: own, args, outs: undefined };
}

function tensorsIn(value: unknown, found: Tensor[] = [], depth = 0): Tensor[] {
  if (isTensor(value)) found.push(value);
  else if (depth < 3 && !types.isProxy(value) && Array.isArray(value)) {
    for (const v of value.slice(0, 8)) tensorsIn(v, found, depth + 1);
  }
  return found;
}

/** Reads results, which reveals those that point outside of their memory. */
function look(t: Tensor): void {
  const { shape } = t;
  if (shape.reduce((a, b) => a * b, 1) > 1e5) return;
  const reads: (() => unknown)[] = [
    () => [t.dtype, t.layout, t.device, t.ndim, t.nbytes, t.version, t.isLeaf, t.gradFn, t.grad],
    () => t.stride(),
    () => String(t),
    () => t.toTypedArray(),
    () => t.add(t),
    () => t.requiresGrad && t.sum().backward(),
  ];
  for (const read of reads) tolerate(read);
}

/** A rejection is looked at like an exception. */
function settle(result: unknown): void {
  if (!types.isPromise(result) || types.isProxy(result)) return;
  result.catch((error: unknown) => {
    const wrong = fault(error);
    if (wrong !== undefined) throw new Error(`a promise was rejected: ${wrong}`);
  });
}

/** Runs what may be refused; anything but a proper refusal goes on up. */
function tolerate(run: () => unknown): void {
  try {
    settle(run());
  } catch (error) {
    if (fault(error) !== undefined) throw error;
  }
}

const shown = (value: unknown, depth = 0): string => {
  if (types.isProxy(value) || depth > 3) return '...';
  try {
    if (isTensor(value)) {
      if (value.isDisposed) return 'a disposed tensor';
      return `tensor(${value.dtype}, [${value.shape}], [${value.layout === torch.strided ? value.stride() : value.layout}])`;
    }
    if (Array.isArray(value))
      return value.length > 8 ? `an array of ${value.length}` : `[${value.map((v) => shown(v, depth + 1)).join(', ')}]`;
    if (Object.getPrototypeOf(value) === Object.prototype) {
      const entries = Object.entries(value as object);
      return `{ ${entries.map(([k, v]) => `${k}: ${shown(v, depth + 1)}`).join(', ')} }`;
    }
    return inspect(value, { depth: 0, maxStringLength: 40, getters: false });
  } catch {
    return 'a hostile object';
  }
};

function reset(): void {
  torch.setDefaultDtype(torch.float32);
  torch.setDefaultDevice(null);
  torch.manualSeed(1);
}

/** What a refused call must not change: where the elements are, and their bytes. */
interface Before {
  tensor: Tensor;
  state: string;
}

/** Of dense tensors in the host's memory; the others are known by their sizes. */
function stateOf(t: Tensor): string {
  if (t.isDisposed) return 'disposed';
  const state: unknown[] = [t.dtype.name, String(t.layout), t.shape, t.requiresGrad, t.isLeaf];
  if (t.layout === torch.strided) state.push(t.stride(), t.storageOffset());
  if (t.numel() > 1e5 || t.device.type !== 'cpu') return JSON.stringify(state);
  try {
    const dense = t.layout === torch.strided ? t : t.detach().toDense();
    state.push(Buffer.from(dense.detach().toTypedArray().buffer).toString('base64'));
  } catch {
    // Some have no elements that could be seen: quantized by channel, without memory.
  }
  return JSON.stringify(state);
}

const remember = (tensors: Tensor[]): Before[] =>
  tensors.map((tensor) => torch.noGrad(() => ({ tensor, state: stateOf(tensor) })));

function changed(before: Before[]): string | undefined {
  for (const { tensor, state } of before) {
    const now = torch.noGrad(() => stateOf(tensor));
    if (now !== state) return `changed a tensor from ${state} to ${now}`;
  }
  return undefined;
}

/** Runs a case; returns what was wrong, or undefined. `say` is told of the call before it is made. */
export function runCase(
  seed: number,
  index: number,
  only: string | undefined,
  say?: (text: string) => void,
  kind: Kind = 'calls',
): string | undefined {
  const r = new Random(seed, index);
  reset();
  if (kind === 'sequences') return runSequence(r);
  if (kind === 'options') return runOptions(r, only, shown, say);
  const candidates = only === undefined ? targets : targets.filter((t) => t.name === only);
  const call = makeCall(r, r.pick(candidates));
  const { target, receiver, args, outs } = call;
  const own = target.kind === 'function' || target.kind === 'class' ? '' : ` of ${shown(receiver)}`;
  const text = `${target.name} (${target.kind})${own} with ${shown(args)}`;
  say?.(text);
  const before = remember(tensorsIn([receiver, args, outs]));
  try {
    const result = target.call(receiver, args);
    settle(result);
    for (const t of tensorsIn(result)) look(t);
    for (const t of tensorsIn([receiver, args])) if (!t.isDisposed) look(t);
  } catch (error) {
    const wrong = fault(error) ?? changed(before);
    if (wrong !== undefined) return `${text} ${wrong}`;
  }
  if (!torch.isGradEnabled() || torch.isInferenceModeEnabled()) return `${text} left another autograd mode behind`;
  return undefined;
}
