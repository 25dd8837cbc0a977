/** VT-d's DMAR table with reserved memory regions of one's own. [VT-d specification, §8.1, §8.4; QEMU: build_dmar_q35] */
import { type Range, rangeText } from "../../model/range_list.ts";
import { type FirmwareRegion, isFor } from "./region.ts";
import { joined, type Layout, packed, structuresOf, withStructures } from "./table.ts";

/** Behind the header: host address width, flags, ten reserved bytes. */
export const DMAR_LAYOUT: Layout = {
  signature: "DMAR",
  bodyOffset: 48,
  head: (view, offset) => ({
    type: view.getUint16(offset, true),
    lengthBytes: view.getUint16(offset + 2, true),
  }),
};

const RMRR = 1;
const RMRR_BYTES = 24;
const ENDPOINT = 1;
const SCOPE_BYTES = 8;

/**
 * The table with an RMRR for each range of the regions. Structures are sorted by their type; the kernel reads them
 * in any order.
 *
 * @param devices ids of the machine's devices on the root bus; those that a region is for become its scope
 * @throws TableError for a table that can't be read
 */
export function withRmrrs(
  table: Uint8Array,
  regions: readonly FirmwareRegion[],
  devices: readonly number[],
): Uint8Array<ArrayBuffer> {
  const structures = structuresOf(table, DMAR_LAYOUT);
  const rmrrs = byRange(regions).map(({ range, same }) => {
    const inScope = devices.filter((id) => same.some((region) => isFor(region, id)));
    return { type: RMRR, bytes: rmrr(range, inScope) };
  });
  return withStructures(
    table,
    DMAR_LAYOUT,
    [...structures, ...rmrrs].toSorted((a, b) => a.type - b.type),
  );
}

/** Devices that share a region share its structure. */
function byRange(regions: readonly FirmwareRegion[]): { range: Range; same: FirmwareRegion[] }[] {
  const groups = Map.groupBy(regions, rangeText);
  return [...groups.values()].flatMap((same) => same[0] ? [{ range: same[0], same }] : []);
}

const rmrr = ({ start, last }: Range, devices: readonly number[]): Uint8Array =>
  joined([
    packed([2, RMRR], [2, RMRR_BYTES + SCOPE_BYTES * devices.length], [2, 0], [2, 0], [8, start], [8, last]),
    ...devices.map(scope),
  ]);

/** The way to a device on the root bus is one step long: slot and function. */
const scope = (id: number): Uint8Array =>
  packed([1, ENDPOINT], [1, SCOPE_BYTES], [2, 0], [1, 0], [1, id >> 8], [1, id >> 3 & 0x1f], [1, id & 7]);
