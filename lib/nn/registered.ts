// The parameters and buffers of a module, which only values of their kind may replace: a plain tensor in place of a parameter would
// silently end its training.
import { describe, TorchClipError } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';
import { Parameter } from './parameter.js';

/** A parameter, or a buffer with whether it is saved. */
export interface Registered {
  value: Tensor | null;
  readonly persistent?: boolean;
}

/** What a module has registered under a name, where it has one. */
export type RegisteredAs = (module: object, name: string) => Registered | undefined;

// One pair of functions for each name, so that all layers of a class keep one hidden class.
const accessors = new Map<string, PropertyDescriptor>();

/** The property through which what is registered as `name` in any module is read and written. */
export function accessorOf(name: string, registeredAs: RegisteredAs): PropertyDescriptor {
  let accessor = accessors.get(name);
  if (accessor === undefined) {
    accessor = {
      get(this: object) {
        return registeredAs(this, name)?.value;
      },
      set(this: object, value: unknown) {
        const entry = registeredAs(this, name);
        if (entry === undefined) throw new TorchClipError('ERR_STATE', `"${name}" belongs to another module`);
        entry.value = checkLike(this, name, entry, value);
      },
      enumerable: true,
      configurable: true,
    };
    accessors.set(name, accessor);
  }
  return accessor;
}

function checkLike(module: object, name: string, { persistent }: Registered, value: unknown): Tensor | null {
  const isParameter = persistent === undefined;
  if (value === null || (isParameter ? value instanceof Parameter : isTensor(value))) return value as Tensor | null;
  const [kind, expected] = isParameter ? ['parameter', 'a Parameter'] : ['buffer', 'a Tensor'];
  const advice = isParameter && isTensor(value) ? '; to change the values, use copy_() inside torch.noGrad()' : '';
  throw new TorchClipError(
    'ERR_ARGUMENT',
    `${module.constructor.name} cannot take ${describe(value)} as its ${kind} "${name}": it must be ${expected} or null${advice}`,
  );
}

/** Whether JavaScript takes a property name for an array index, and so puts it before all others, in ascending order. */
export const isIndex = (name: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(name) && Number(name) < 2 ** 32 - 1;
