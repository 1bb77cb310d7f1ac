// Protocol buffers as bytes: as much of them as event files need.

/** Writes the fields of a message, in order. */
export class Message {
  readonly #parts: Uint8Array[] = [];

  #add(field: number, wire: number, ...parts: Uint8Array[]): this {
    this.#parts.push(varint(BigInt(field * 8 + wire)), ...parts);
    return this;
  }

  /** An integer; negative ones take ten bytes. */
  integer(field: number, value: number | bigint): this {
    return this.#add(field, 0, varint(BigInt.asUintN(64, BigInt(value))));
  }

  double(field: number, value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return this.#add(field, 1, bytes);
  }

  float(field: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return this.#add(field, 5, bytes);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#add(field, 2, varint(BigInt(value.length)), value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  /** Numbers side by side. */
  doubles(field: number, values: readonly number[]): this {
    const bytes = Buffer.alloc(8 * values.length);
    for (const [i, value] of values.entries()) bytes.writeDoubleLE(value, 8 * i);
    return this.bytes(field, bytes);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** A field of a message as it stands: an integer, or bytes. */
export type Field = { field: number; wire: 0; value: bigint } | { field: number; wire: 1 | 2 | 5; value: Buffer };

/** The fields of a message, in order; undefined where the bytes are none. */
export function fieldsOf(bytes: Uint8Array): Field[] | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const fields: Field[] = [];
  let at = 0;
  const integer = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n && at < view.length; shift += 7n) {
      const byte = view[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    return undefined;
  };
  while (at < view.length) {
    const key = integer();
    if (key === undefined) return undefined;
    const [field, wire] = [Number(key >> 3n), Number(key & 7n)];
    if (wire === 0) {
      const value = integer();
      if (value === undefined) return undefined;
      fields.push({ field, wire, value });
      continue;
    }
    const length = wire === 1 ? 8n : wire === 5 ? 4n : wire === 2 ? integer() : undefined;
    if (length === undefined || length > BigInt(view.length - at)) return undefined;
    fields.push({ field, wire: wire as 1 | 2 | 5, value: view.subarray(at, at + Number(length)) });
    at += Number(length);
  }
  return fields;
}
