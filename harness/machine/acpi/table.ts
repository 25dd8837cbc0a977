/** ACPI tables: their header, their checksum, the structures behind it. [ACPI 6.5, §5.2.6] */

/** A table that isn't what it should be, or that can't be changed as asked. */
export class TableError extends Error {
  override readonly name: string = "TableError";
}

/** A structure behind the header and whatever stands between the two. */
export interface Structure {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** How the tables of one signature lay out their structures. */
export interface Layout {
  readonly signature: string;
  /** Where the first structure begins. */
  readonly bodyOffset: number;
  /** Reads what every structure begins with, and says how long it is. */
  head(view: DataView, offset: number): { type: number; lengthBytes: number };
}

const HEADER_BYTES = 36;
const LENGTH_OFFSET = 4;
const CHECKSUM_OFFSET = 9;
const OEM_REVISION_OFFSET = 24;
/** Shorter than this no structure can tell its type and length. */
const HEAD_BYTES = 4;

/** A number of a structure. */
export type Field = readonly [widthBytes: 1 | 2 | 4 | 8, value: number | bigint];

/** Numbers in little-endian order, each with its width: 1, 2, 4 or 8 bytes. */
export function packed(...fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
  let at = 0;
  for (const [width, value] of fields) {
    const number = BigInt(value);
    if (number < 0n || number >> BigInt(8 * width) !== 0n) {
      throw new TableError(`${number} doesn't fit ${width} bytes of a table`);
    }
    for (let index = 0; index < width; index++) bytes[at++] = Number((number >> BigInt(8 * index)) & 0xffn);
  }
  return bytes;
}

/** One behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Adds up to 0 over a sound table. */
const sum = (table: Uint8Array): number => table.reduce((total, byte) => (total + byte) & 0xff, 0);

/**
 * Reads what every table begins with.
 * @param leastBytes as long as it must be
 * @throws TableError for another table, a wrong length or checksum
 */
export function requireSound(table: Uint8Array, signature: string, leastBytes = HEADER_BYTES): DataView {
  const found = new TextDecoder().decode(table.subarray(0, signature.length));
  if (found !== signature) throw new TableError(`${JSON.stringify(found)} is no ${signature} table`);
  if (table.length < leastBytes) {
    throw new TableError(`a ${signature} table has more than ${table.length} bytes`);
  }
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const length = view.getUint32(LENGTH_OFFSET, true);
  if (length !== table.length) {
    throw new TableError(`the ${signature} table of ${table.length} bytes says that it has ${length}`);
  }
  if (sum(table) !== 0) throw new TableError(`the checksum of the ${signature} table is wrong`);
  return view;
}

/**
 * The structures of a table.
 * @throws TableError for another table, a wrong length or checksum, a structure that doesn't end where the next begins
 */
export function structuresOf(table: Uint8Array, layout: Layout): Structure[] {
  const { signature, bodyOffset } = layout;
  const view = requireSound(table, signature, bodyOffset);
  const structures: Structure[] = [];
  let at = bodyOffset;
  while (at < table.length) {
    if (at + HEAD_BYTES > table.length) throw new TableError(brokenAt(signature, at));
    const { type, lengthBytes } = layout.head(view, at);
    if (lengthBytes < HEAD_BYTES || at + lengthBytes > table.length) {
      throw new TableError(brokenAt(signature, at));
    }
    structures.push({ type, bytes: table.subarray(at, at + lengthBytes) });
    at += lengthBytes;
  }
  return structures;
}

const brokenAt = (signature: string, offset: number): string =>
  `the ${signature} table has no structure at byte ${offset} that ends within it`;

/** The table with other structures, newer than it was. */
export const withStructures = (
  table: Uint8Array,
  { bodyOffset }: Layout,
  structures: readonly Structure[],
): Uint8Array<ArrayBuffer> =>
  renewed(joined([table.subarray(0, bodyOffset), ...structures.map(({ bytes }) => bytes)]));

/**
 * Writes into a changed table its length, its checksum, and an OEM revision one higher: kernels let a table of the
 * initrd replace the firmware's only if it is newer. [kernel: acpi_table_initrd_override]
 */
export function renewed(whole: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(whole.buffer);
  view.setUint32(LENGTH_OFFSET, whole.length, true);
  const revision = view.getUint32(OEM_REVISION_OFFSET, true);
  if (revision === 0xffff_ffff) throw new TableError("no OEM revision is higher than 0xffffffff");
  view.setUint32(OEM_REVISION_OFFSET, revision + 1, true);
  whole[CHECKSUM_OFFSET] = 0;
  whole[CHECKSUM_OFFSET] = (0x100 - sum(whole)) & 0xff;
  return whole;
}
