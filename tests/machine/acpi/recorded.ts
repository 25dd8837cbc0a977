/** Tables as QEMU makes them, for the machines intel-rmrr and amd-ivmd. */
import { resolve } from "node:path";

const FOLDER = resolve(import.meta.dirname ?? ".", "../../recorded/acpi");

export function recorded(name: "dmar-10.0.13" | "ivrs-10.0.13" | "ivrs-7.2.22"): Uint8Array<ArrayBuffer> {
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
