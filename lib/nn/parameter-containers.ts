import { check, integer, listOf } from '../check.js';
import { invalidArgument } from '../errors.js';
import { tensor } from '../kinds.js';
import type { Tensor } from '../tensor.js';
import { entriesOf, isParameterOf, Module } from './module.js';
import { namedEntries } from './named-entries.js';
import { Parameter } from './parameter.js';

const asParameter = (value: Tensor): Parameter => (value instanceof Parameter ? value : new Parameter(value));

const ownEntries = (module: Module): [string, Parameter][] =>
  entriesOf(module).filter((entry): entry is [string, Parameter] => isParameterOf(module, ...entry));

/** A line of what is held, as PyTorch prints it. */
function line(name: string | number, parameter: Parameter, type: string): string {
  const { shape, device } = parameter;
  const where = device.type === 'cuda' ? ` (${device})` : '';
  return `  (${name}): Parameter containing: [${type} of size ${shape.join('x')}${where}]`;
}

/**
 * A list of parameters that all belong to the module that holds it. Tensors become parameters.
 *
 * @example
 * this.scales = new nn.ParameterList([torch.ones([3]), torch.ones([4])]);
 * for (const scale of this.scales) x = x.mul(scale);
 */
export class ParameterList extends Module {
  [index: number]: Parameter;

  constructor(values: Iterable<Tensor> = []) {
    super();
    this.extend(values);
  }

  /** How many parameters it holds. */
  get length(): number {
    return this.list().length;
  }

  /** The parameter at `index`, counted from the end when negative; undefined where there is none. */
  at(index: number): Parameter | undefined {
    return this.list().at(check('index', index, integer()));
  }

  /** Puts a parameter at an index that is there, counted from the end when negative. */
  set(index: number, value: Tensor): this {
    const { length } = this;
    const at = check('index', index, integer(-length, length - 1), 'ERR_INDEX');
    this.registerParameter(String(at < 0 ? at + length : at), asParameter(check('value', value, tensor)));
    return this;
  }

  /** Adds a parameter at the end. */
  append(value: Tensor): this {
    this.registerParameter(String(this.length), asParameter(check('value', value, tensor)));
    return this;
  }

  /** Adds parameters at the end. */
  extend(values: Iterable<Tensor>): this {
    // All of them first: one that cannot be a parameter is refused before others are there.
    for (const parameter of listOf('values', values, tensor).map(asParameter)) this.append(parameter);
    return this;
  }

  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.list()[Symbol.iterator]();
  }

  override extraRepr(): string {
    return this.list()
      .map((p, i) => line(i, p, `torch.${p.dtype.name}`))
      .join('\n');
  }

  /** Unlike `parameters()`, one that is held twice comes twice. */
  private list(): Parameter[] {
    return ownEntries(this).map(([, value]) => value);
  }
}

/** PyTorch's old names of tensors by their dtype. */
const typeNames: Readonly<Record<string, string>> = {
  float32: 'Float',
  float64: 'Double',
  float16: 'Half',
  bfloat16: 'BFloat16',
  complex64: 'ComplexFloat',
  complex128: 'ComplexDouble',
  int64: 'Long',
  int32: 'Int',
  int16: 'Short',
  int8: 'Char',
  uint8: 'Byte',
  bool: 'Bool',
};

/** Tensors by name, in order: an object, a Map, an array of pairs, or another {@link ParameterDict}. */
export type NamedTensors =
  | Readonly<Record<string, Tensor>>
  | Iterable<readonly [name: string, tensor: Tensor]>
  | ParameterDict;

/**
 * Parameters under names, all belonging to the module that holds it. Tensors become parameters.
 *
 * @example
 * this.scales = new nn.ParameterDict({ left: torch.ones([3]), right: torch.ones([3]) });
 * x.mul(this.scales.get('left'));
 */
export class ParameterDict extends Module {
  constructor(parameters: NamedTensors = {}) {
    super();
    this.update(parameters);
  }

  /** How many parameters it holds. */
  get size(): number {
    return this.entries().length;
  }

  has(name: string): boolean {
    return typeof name === 'string' && Object.hasOwn(this, name) && isParameterOf(this, name, Reflect.get(this, name));
  }

  /** The parameter `name`; one that it does not hold is an `ERR_ARGUMENT`. */
  get(name: string): Parameter {
    if (!this.has(name)) throw invalidArgument('name', `one of ${this.keys().join(', ')}`, name);
    return Reflect.get(this, name) as Parameter;
  }

  /** Sets or replaces the parameter `name`. */
  set(name: string, value: Tensor): this {
    this.registerParameter(name, asParameter(check('value', value, tensor)));
    return this;
  }

  /** Sets or replaces several; none of them, when one is refused. */
  update(parameters: NamedTensors): this {
    const entries =
      parameters instanceof ParameterDict
        ? parameters.entries()
        : namedEntries('parameters', parameters, 'a pair of a name and a Tensor');
    for (const [name, value] of entries) check(`parameters.${name}`, value, tensor);
    const before = new Map(this.entries());
    try {
      for (const [name, value] of entries) this.set(name, value as Tensor);
    } catch (error) {
      for (const name of this.keys()) if (!before.has(name)) this.delete(name);
      for (const [name, parameter] of before) this.set(name, parameter);
      throw error;
    }
    return this;
  }

  /** Takes the parameter `name` out; returns whether it was there. */
  delete(name: string): boolean {
    return this.has(name) && Reflect.deleteProperty(this, name);
  }

  /** Takes the parameter `name` out and returns it; one that it does not hold is an `ERR_ARGUMENT`. */
  pop(name: string): Parameter {
    const parameter = this.get(name);
    this.delete(name);
    return parameter;
  }

  /** Takes all parameters out. */
  clear(): void {
    for (const name of this.keys()) this.delete(name);
  }

  keys(): string[] {
    return this.entries().map(([name]) => name);
  }

  values(): Parameter[] {
    return this.entries().map(([, parameter]) => parameter);
  }

  entries(): [string, Parameter][] {
    return ownEntries(this);
  }

  [Symbol.iterator](): IterableIterator<[string, Parameter]> {
    return this.entries()[Symbol.iterator]();
  }

  override extraRepr(): string {
    const type = (p: Parameter) =>
      `torch.${p.device.type === 'cuda' ? 'cuda.' : ''}${typeNames[p.dtype.name] ?? p.dtype.name}Tensor`;
    return this.entries()
      .map(([name, p]) => line(name, p, type(p)))
      .join('\n');
  }
}
