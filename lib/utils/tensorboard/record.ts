// The frame of TensorFlow's record files: length, checksum, data, checksum.

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C, turned and shifted so that checksums of data with checksums in it need no special case. */
function masked(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 255]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A record of a file. */
export function framed(data: Uint8Array): Buffer {
  const record = Buffer.alloc(data.length + 16);
  record.writeBigUInt64LE(BigInt(data.length));
  record.writeUInt32LE(masked(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(masked(data), 12 + data.length);
  return record;
}

/** The records of bytes, up to the first that is not whole or is damaged, and how many bytes they take. */
export function unframed(bytes: Buffer): { records: Buffer[]; length: number } {
  const records: Buffer[] = [];
  let at = 0;
  while (at + 12 <= bytes.length) {
    const head = bytes.subarray(at, at + 8);
    const size = head.readBigUInt64LE();
    if (masked(head) !== bytes.readUInt32LE(at + 8) || size > BigInt(bytes.length - at - 16)) break;
    const data = bytes.subarray(at + 12, at + 12 + Number(size));
    if (masked(data) !== bytes.readUInt32LE(at + 12 + data.length)) break;
    records.push(data);
    at += data.length + 16;
  }
  return { records, length: at };
}
