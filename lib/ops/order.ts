// Another libtorch than the one that the table was read from may have an operator's arguments in another order, or more.
import { native } from '../binding/index.js';
import { reference } from './generated/schemas.js';

declare module '../binding/index.js' {
  interface Native {
    /** The JSON of every aten schema of the dispatcher. */
    opSchemas(): string;
  }
}

/** The names of the arguments of each operator, by name and overload, of what `opSchemas` returns. */
export function readOrder(schemas: string): ReadonlyMap<string, readonly string[]> {
  const parsed = JSON.parse(schemas) as { name: string; overload: string; args: { name: string }[] }[];
  return new Map(parsed.map((s) => [`${s.name}.${s.overload}`, s.args.map((a) => a.name)]));
}

let order: ReadonlyMap<string, readonly string[]> | undefined;

/** The order of an operator's arguments in the loaded libtorch; undefined where it is the table's. */
export function argumentOrder(name: string, overload: string): readonly string[] | undefined {
  if (native.libtorchVersion().startsWith(`${reference}.`)) return undefined;
  order ??= readOrder(native.opSchemas());
  return order.get(`aten::${name}.${overload}`);
}
