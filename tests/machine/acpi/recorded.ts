/** Tables as QEMU makes them, for the machines intel-rmrr, amd-ivmd, smmuv3-rmr and (two) smmuv3-two. */
import { resolve } from "node:path";

const FOLDER = resolve(import.meta.dirname ?? ".", "../../recorded/acpi");

export type RecordedName =
  | "dmar-10.0.13"
  | "dsdt-10.0.13"
  | "iort-10.0.13"
  | "iort-two-11.1.3"
  | "ivrs-10.0.13"
  | "ivrs-7.2.22";

export function recorded(name: RecordedName): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(Deno.readTextFileSync(resolve(FOLDER, `${name}.hex`)).replaceAll("\n", ""));
}

/** The same bytes with some written otherwise, and a checksum that fits them. */
export function changed(
  table: Uint8Array,
  changes: Readonly<Record<number, number>>,
): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(table);
  for (const [offset, byte] of Object.entries(changes)) copy[Number(offset)] = byte;
  copy[9] = 0;
  copy[9] = (256 - sumOf(copy)) % 256;
  return copy;
}

/** Of all bytes, in eight bits: 0 for a sound table. */
export const sumOf = (table: Uint8Array): number => table.reduce((sum, byte) => (sum + byte) % 256, 0);
