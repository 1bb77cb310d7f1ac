// Everything that the public API lets one call.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { camelCase } from '../../../lib/camel-case.js';
import torch, { type Tensor } from '../../../lib/index.js';
import { schemas } from '../../../lib/ops/generated/schemas.js';
import { parseSchema } from '../../../lib/ops/schema.js';
import type { Schema } from '../../../lib/ops/types.js';
import { objects } from './objects.js';

type Callable = (...args: unknown[]) => unknown;

export interface Target {
  name: string;
  kind: 'function' | 'method' | 'class' | 'getter' | 'setter';
  /** Takes the receiver for a method, a getter or a setter. */
  call(receiver: unknown, args: unknown[]): unknown;
  /** Makes a receiver; a random tensor without it. */
  make?: () => unknown;
  schemas: Schema[];
}

const lib = fileURLToPath(new URL('../../../lib', import.meta.url));
const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('generated'))
  .map((file) => readFileSync(join(lib, file), 'utf8'));

const byName = new Map<string, Schema[]>();
for (const [name, texts] of Object.entries(schemas)) {
  const key = name.replace(/^(linalg|fft|special)_/, (_, space: string) => `${space}.`);
  const [space, local] = key.includes('.') ? key.split('.') : ['', key];
  byName.set(
    `${space}.${camelCase(local!)}`,
    texts.map((text) => parseSchema(name, text)),
  );
}

// A pool of thousands of threads is what such a call asks for, but too much for a test.
const skipped = new Set(['setNumThreads', 'collectGarbage', 'setFlushDenormal', 'gradcheck', 'TorchClipError']);

function fromNamespace(space: string, exports: object): Target[] {
  const targets: Target[] = [];
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value !== 'function' || skipped.has(name)) continue;
    const full = `torch${space && `.${space}`}.${name}`;
    if (/^class\b/.test(Function.prototype.toString.call(value))) {
      const Class = value as new (...args: unknown[]) => unknown;
      targets.push({ name: full, kind: 'class', call: (_, args) => new Class(...args), schemas: [] });
      continue;
    }
    const known = byName.get(`${space === 'nn.functional' ? '' : space}.${name}`) ?? [];
    targets.push({ name: full, kind: 'function', call: (_, args) => (value as Callable)(...args), schemas: known });
  }
  return targets;
}

function fromPrototype(label: string, prototype: object, make?: () => unknown): Target[] {
  const targets: Target[] = [];
  for (const [name, { value, get, set }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor' || skipped.has(name) || (make && hidden.has(name))) continue;
    const full = `${label}.${name}`;
    if (typeof value === 'function') {
      // Looked up at the call: a method is compiled at its first one.
      const call = (receiver: unknown, args: unknown[]) =>
        ((prototype as Record<string, Callable>)[name] as Callable).apply(receiver, args);
      targets.push({ name: full, kind: 'method', call, schemas: byName.get(`.${name}`) ?? [] });
    }
    if (get)
      targets.push({ name: full, kind: 'getter', call: (receiver) => get.call(receiver) as unknown, schemas: [] });
    if (set) {
      targets.push({ name: full, kind: 'setter', call: (receiver, args) => set.call(receiver, args[0]), schemas: [] });
    }
  }
  return make === undefined ? targets : targets.map((target) => ({ ...target, make }));
}

/** Methods that TypeScript hides: private and protected ones, and those marked as internal. */
const hidden = new Set(
  sources.flatMap((text) => [
    ...[...text.matchAll(/^ {2}(?:protected|private) (?:override |abstract |static |get )*(\w+)/gm)].map(
      ([, name]) => name!,
    ),
    ...[...text.matchAll(/@internal[^/]*\*\/\s+(?:override |static |get |protected )*(\w+)/g)].map(([, name]) => name!),
  ]),
);

/** Methods and accessors of an object and of all its classes. */
function fromObject(label: string, make: () => object): Target[] {
  const targets = new Map<string, Target>();
  let prototype: object | null = Object.getPrototypeOf(make()) as object;
  while (prototype !== null && prototype !== Object.prototype) {
    for (const target of fromPrototype(label, prototype, make)) {
      const key = `${target.kind} ${target.name}`;
      // The schemas are those of tensors' methods.
      if (!targets.has(key)) targets.set(key, { ...target, schemas: [] });
    }
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return [...targets.values()];
}

const spaces: Record<string, object> = {
  '': torch,
  linalg: torch.linalg,
  fft: torch.fft,
  special: torch.special,
  autograd: torch.autograd,
  clip: torch.clip,
  data: torch.data,
  distributions: torch.distributions,
  'distributions.constraints': torch.distributions.constraints,
  io: torch.io,
  nn: torch.nn,
  optim: torch.optim,
  'nn.functional': torch.nn.functional,
  'nn.init': torch.nn.init,
  'nn.utils': torch.nn.utils,
  'nn.attention': torch.nn.attention,
  'optim.lrScheduler': torch.optim.lrScheduler,
  'optim.swaUtils': torch.optim.swaUtils,
  amp: torch.amp,
  utils: torch.utils,
  cuda: torch.cuda,
};

export const targets: Target[] = [
  ...Object.entries(spaces).flatMap(([space, exports]) => fromNamespace(space, exports)),
  ...fromPrototype('t', torch.Tensor.prototype),
  ...Object.entries(objects).flatMap(([label, make]) => fromObject(label, make)),
];

/** Of values that may throw when asked. */
export function isTensor(value: unknown): value is Tensor {
  try {
    return value instanceof torch.Tensor;
  } catch {
    return false;
  }
}
