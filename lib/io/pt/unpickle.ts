// Reads a pickle that holds tensors and plain containers. Nothing in it is ever run: globals.ts says what it may ask for.
import type { Bad } from '../bad.js';
import { called, globalOf, storageOf } from './globals.js';
import { Dict, Global, PySet, TensorRef, Tuple } from './model.js';

const mark = Symbol('mark');

/** The value of a pickle, made of the classes of model.ts, arrays and JavaScript's primitive values. */
export function unpickle(data: Buffer, bad: Bad): unknown {
  const machine = new Machine(data, bad);
  if (machine.byte() !== 0x80) throw bad('it has no pickle of protocol 2 or newer');
  const protocol = machine.byte();
  if (protocol < 2 || protocol > 5) throw bad(`it is a pickle of protocol ${protocol}; protocols 2 to 5 are supported`);
  for (let code = machine.byte(); code !== stop; code = machine.byte()) {
    const instruction = instructions.get(code);
    if (instruction === undefined) {
      throw bad(`its pickle has the instruction 0x${code.toString(16)}, which no file of tensors and containers needs`);
    }
    instruction(machine);
  }
  return machine.end();
}

/** The stack that a pickle works on, the values that it remembers, and the bytes that are left of it. */
class Machine {
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #at = 0;

  constructor(
    readonly data: Buffer,
    readonly bad: Bad,
  ) {}

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.data.length) throw this.bad('its pickle ends too early');
    const taken = this.data.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  uint32(): number {
    return this.take(4).readUInt32LE();
  }

  /** A length of `bytes` bytes, and as much data. */
  block(bytes: 1 | 4 | 8): Buffer {
    const head = this.take(bytes);
    return this.take(bytes === 8 ? Number(head.readBigUInt64LE()) : head.readUIntLE(0, bytes));
  }

  line(): string {
    const end = this.data.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > 1000) throw this.bad('its pickle has a name that does not end');
    const line = this.data.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return line;
  }

  text(bytes: Buffer): void {
    const text = textOf(bytes);
    if (text === undefined) throw this.bad('its pickle has a text that is not UTF-8');
    this.push(text);
  }

  integer(bytes: Buffer): void {
    if (bytes.length > 10_000) throw this.bad('its pickle has an integer of more than 10,000 bytes');
    this.push(integerOf(bytes));
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pop(): unknown {
    if (this.#stack.length === 0 || this.#stack.at(-1) === mark) throw this.#missing();
    return this.#stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  popMark(): unknown[] {
    const at = this.#stack.lastIndexOf(mark);
    if (at < 0) throw this.#missing();
    const items = this.#stack.splice(at);
    items.shift();
    return items;
  }

  #missing(): Error {
    return this.bad('its pickle uses values that are missing');
  }

  end(): unknown {
    const value = this.pop();
    if (this.#stack.length > 0) throw this.bad('its pickle leaves unused values');
    return value;
  }

  put(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  get(index: number): void {
    if (!this.#memo.has(index)) throw this.bad('its pickle refers to a value that it does not have');
    this.push(this.#memo.get(index));
  }

  tuple(length: number): void {
    const items = Array.from({ length }, () => this.pop());
    this.push(new Tuple(items.reverse()));
  }

  append(items: unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.bad('its pickle appends to something that is not a list');
    for (const item of items) list.push(item);
  }

  add(items: unknown[]): void {
    const set = this.top();
    if (!(set instanceof PySet)) throw this.bad('its pickle adds to something that is not a set');
    for (const item of items) set.items.push(item);
  }

  set(items: unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Dict) || items.length % 2 !== 0)
      throw this.bad('its pickle sets an item of something that is not a dict');
    for (let i = 0; i < items.length; i += 2) {
      dict.keys.push(items[i]);
      dict.values.push(items[i + 1]);
    }
  }

  global(module: unknown, name: unknown): void {
    const found = globalOf(String(module), String(name));
    if (found instanceof Error) throw this.bad(found.message);
    this.push(found);
  }

  storage(): void {
    const storage = storageOf(this.pop());
    if (storage === undefined) throw this.bad('its pickle refers to something outside of it that is not a storage');
    this.push(storage);
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof Global) || !(args instanceof Tuple))
      throw this.bad('its pickle calls something that is not a function');
    const result = called(callee, args.items);
    if (result instanceof Error) throw this.bad(result.message);
    if (result === undefined) {
      throw this.bad(`its pickle calls ${callee.name} with arguments that PyTorch does not give it`);
    }
    this.push(result);
  }

  /** What Python sets on an object after it is made. Plain data has no attributes: those of state dicts are left out. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (
      !(target instanceof Dict || target instanceof TensorRef) ||
      !(state instanceof Dict || state instanceof Tuple)
    ) {
      throw this.bad('its pickle gives attributes to what takes none');
    }
  }
}

const stop = 0x2e;

/** The instructions of protocols 2 to 5 that data need; those that look up classes or make objects of them are not among them. */
const instructions: ReadonlyMap<number, (machine: Machine) => void> = new Map(
  Object.entries<(machine: Machine) => void>({
    '\x95': (m) => m.take(8), // the length of a frame, which is of no use here
    '(': (m) => m.push(mark),
    '0': (m) => m.pop(),
    '1': (m) => m.popMark(),
    '2': (m) => m.push(m.top()),
    N: (m) => m.push(null),
    '\x88': (m) => m.push(true),
    '\x89': (m) => m.push(false),
    J: (m) => m.push(m.take(4).readInt32LE()),
    K: (m) => m.push(m.byte()),
    M: (m) => m.push(m.take(2).readUInt16LE()),
    '\x8a': (m) => m.integer(m.block(1)),
    '\x8b': (m) => m.integer(m.block(4)),
    G: (m) => m.push(m.take(8).readDoubleBE()),
    X: (m) => m.text(m.block(4)),
    '\x8c': (m) => m.text(m.block(1)),
    '\x8d': (m) => m.text(m.block(8)),
    U: (m) => m.text(m.block(1)), // texts of Python 2
    T: (m) => m.text(m.block(4)),
    C: (m) => m.push(Uint8Array.from(m.block(1))),
    B: (m) => m.push(Uint8Array.from(m.block(4))),
    '\x8e': (m) => m.push(Uint8Array.from(m.block(8))),
    '\x96': (m) => m.push(Uint8Array.from(m.block(8))),
    ']': (m) => m.push([]),
    ')': (m) => m.push(new Tuple([])),
    '}': (m) => m.push(new Dict()),
    '\x8f': (m) => m.push(new PySet([])),
    a: (m) => m.append([m.pop()]),
    e: (m) => m.append(m.popMark()),
    '\x90': (m) => m.add(m.popMark()),
    '\x91': (m) => m.push(new PySet(m.popMark())),
    t: (m) => m.push(new Tuple(m.popMark())),
    '\x85': (m) => m.tuple(1),
    '\x86': (m) => m.tuple(2),
    '\x87': (m) => m.tuple(3),
    s: (m) => m.set([m.pop(), m.pop()].reverse()),
    u: (m) => m.set(m.popMark()),
    q: (m) => m.put(m.byte()),
    r: (m) => m.put(m.uint32()),
    '\x94': (m) => m.put(),
    h: (m) => m.get(m.byte()),
    j: (m) => m.get(m.uint32()),
    c: (m) => m.global(m.line(), m.line()),
    '\x93': (m) => m.global(...([m.pop(), m.pop()].reverse() as [unknown, unknown])),
    Q: (m) => m.storage(),
    R: (m) => m.reduce(),
    b: (m) => m.build(),
  }).map(([code, instruction]) => [code.charCodeAt(0), instruction]),
);

/** An integer of little-endian two's complement: a number where that holds it. */
function integerOf(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  const value = BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Text in UTF-8, lone surrogates included; undefined for other bytes. */
function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fromWtf8(bytes);
  }
}

/** Text whose lone surrogates Python wrote as three bytes each; undefined for other bytes. */
function fromWtf8(bytes: Buffer): string | undefined {
  let text = '';
  let plain = 0;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    for (let i = 0; i + 2 < bytes.length; i++) {
      if (bytes[i] !== 0xed || bytes[i + 1]! < 0xa0 || bytes[i + 1]! > 0xbf || (bytes[i + 2]! & 0xc0) !== 0x80)
        continue;
      text += decoder.decode(bytes.subarray(plain, i));
      text += String.fromCharCode(0xd000 | ((bytes[i + 1]! & 0x3f) << 6) | (bytes[i + 2]! & 0x3f));
      plain = i + 3;
      i += 2;
    }
    return text + decoder.decode(bytes.subarray(plain));
  } catch {
    return undefined;
  }
}
