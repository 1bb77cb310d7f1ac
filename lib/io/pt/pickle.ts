// Writes a pickle: protocol 2, as torch.save does, with what Python's torch.load(weights_only=True) understands.

/** Writes the instructions of a pickle; what they mean together is said in describe.ts. */
export class PickleWriter {
  readonly #memo = new Map<unknown, number>();
  readonly #globals = new Map<string, number>();
  #count = 0;
  #data = Buffer.allocUnsafe(1 << 12);
  #at = 0;

  constructor() {
    this.op('\x80', 2);
  }

  /** The pickle, whose value is what was written last. */
  end(): Uint8Array {
    this.op('.');
    return this.#data.subarray(0, this.#at);
  }

  /** An instruction and its bytes. */
  op(code: string, ...bytes: number[]): void {
    this.#room(1 + bytes.length);
    this.#data[this.#at++] = code.charCodeAt(0);
    for (const byte of bytes) this.#data[this.#at++] = byte & 255;
  }

  integer(value: number | bigint): void {
    const n = Number(value);
    if (n >= 0 && n < 0x100) this.op('K', n);
    else if (n >= 0 && n < 0x10000) this.op('M', n, n >> 8);
    else if (n >= -0x80000000 && n < 0x80000000) this.op('J', n, n >> 8, n >> 16, n >> 24);
    else this.#long(BigInt(value));
  }

  /** Two's complement, as short as it may be. */
  #long(value: bigint): void {
    let length = 1;
    while (BigInt.asIntN(length * 8, value) !== value) length++;
    const bytes = Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
    this.op('\x8a', length, ...bytes);
  }

  float(value: number): void {
    this.#room(9);
    this.#data[this.#at] = 0x47;
    this.#data.writeDoubleBE(value, this.#at + 1);
    this.#at += 9;
  }

  /** A text; one that comes often is written once. */
  text(value: string): void {
    if (this.recall(value)) return;
    const bytes = wtf8(value);
    this.#uint32('X', bytes.length);
    this.#room(bytes.length);
    this.#data.set(bytes, this.#at);
    this.#at += bytes.length;
    if (value.length <= 200) this.remember(value);
  }

  /** A name of Python's, such as `torch.FloatStorage`. */
  global(module: string, name: string): void {
    const key = `c${module}\n${name}\n`;
    const known = this.#globals.get(key);
    if (known !== undefined) {
      this.#get(known);
      return;
    }
    this.#room(key.length);
    this.#at += this.#data.write(key, this.#at, 'latin1');
    this.#globals.set(key, this.#count);
    this.#put();
  }

  /** Gives what was just written a number, by which {@link recall} writes the same object again. */
  remember(value: unknown): void {
    this.#memo.set(value, this.#count);
    this.#put();
  }

  /** Writes an object that was written before, and says whether it was. */
  recall(value: unknown): boolean {
    const index = this.#memo.get(value);
    if (index === undefined) return false;
    this.#get(index);
    return true;
  }

  #put(): void {
    const index = this.#count++;
    if (index < 256) this.op('q', index);
    else this.#uint32('r', index);
  }

  #get(index: number): void {
    if (index < 256) this.op('h', index);
    else this.#uint32('j', index);
  }

  #uint32(code: string, value: number): void {
    this.op(code, value, value >>> 8, value >>> 16, value >>> 24);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#data.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#data.length * 2, this.#at + bytes));
    this.#data.copy(larger, 0, 0, this.#at);
    this.#data = larger;
  }
}

/** UTF-8, in which a surrogate that is alone has three bytes of its own, as Python writes and reads it. */
function wtf8(text: string): Uint8Array {
  if (!/\p{Surrogate}/u.test(text)) return Buffer.from(text);
  const parts = [...text].map((character) => {
    const code = character.codePointAt(0)!;
    const isAlone = code >= 0xd800 && code <= 0xdfff;
    return isAlone ? Buffer.from([0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]) : Buffer.from(character);
  });
  return Buffer.concat(parts);
}
