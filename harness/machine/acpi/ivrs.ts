/** AMD's IVRS table with memory definitions of one's own. [AMD IOMMU specification, §5.2; QEMU: build_amd_iommu] */
import type { Access, DeviceRange, FirmwareRegion } from "./region.ts";
import { type Field, type Layout, packed, structuresOf, withStructures } from "./table.ts";

/** Behind the header: IVinfo and eight reserved bytes. */
export const IVRS_LAYOUT: Layout = {
  signature: "IVRS",
  bodyOffset: 48,
  head: (view, offset) => ({ type: view.getUint8(offset), lengthBytes: view.getUint16(offset + 2, true) }),
};

const FOR_ALL = 0x20;
const FOR_ONE = 0x21;
const FOR_RANGE = 0x22;
const IVMD_BYTES = 32;

const UNITY = 1;
const EXCLUSION = 8;
const ACCESS: Readonly<Record<Access, number>> = { r: 2, w: 4, rw: 6 };

/**
 * The table with an IVMD for each region, behind all that is there.
 * @throws TableError for a table that can't be read
 */
export const withIvmds = (table: Uint8Array, regions: readonly FirmwareRegion[]): Uint8Array<ArrayBuffer> =>
  withStructures(table, IVRS_LAYOUT, [...structuresOf(table, IVRS_LAYOUT), ...regions.map(ivmd)]);

function ivmd({ start, last, kind, access, devices }: FirmwareRegion) {
  const { type, first, second } = whose(devices);
  const flags = kind === "exclusion" ? EXCLUSION : UNITY | ACCESS[access];
  const head: Field[] = [[1, type], [1, flags], [2, IVMD_BYTES]];
  const bytes = packed(...head, [2, first], [2, second], [8, 0], [8, start], [8, last - start + 1n]);
  return { type, bytes };
}

function whose(devices: DeviceRange | undefined): { type: number; first: number; second: number } {
  if (devices === undefined) return { type: FOR_ALL, first: 0, second: 0 };
  const { first, last } = devices;
  return first === last ? { type: FOR_ONE, first, second: 0 } : { type: FOR_RANGE, first, second: last };
}
