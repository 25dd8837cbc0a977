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

/** A function that a region can be for, and the way to it from its root bus. */
export interface Target {
  readonly id: number;
  /** The kernel takes what is behind it for meant as well. [kernel: is_downstream_to_pci_bridge] */
  readonly isBridge: boolean;
  readonly rootBus: number;
  /** Bridges from the root bus down, and the function itself. */
  readonly path: readonly { readonly slot: number; readonly function: number }[];
}

const RMRR = 1;
const RMRR_BYTES = 24;
const ENDPOINT = 1;
const BRIDGE = 2;
const SCOPE_BYTES = 6;
const STEP_BYTES = 2;

/**
 * The table with an RMRR for each range of the regions. Structures are sorted by their type; the kernel reads them
 * in any order.
 *
 * @param targets all functions of the machine; those that a region is for become its scope
 * @throws TableError for a table that can't be read
 */
export function withRmrrs(
  table: Uint8Array,
  regions: readonly FirmwareRegion[],
  targets: readonly Target[],
): Uint8Array<ArrayBuffer> {
  const structures = structuresOf(table, DMAR_LAYOUT);
  const rmrrs = byRange(regions).map(({ range, same }) => {
    const inScope = targets.filter(({ id }) => same.some((region) => isFor(region, id)));
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

function rmrr({ start, last }: Range, targets: readonly Target[]): Uint8Array {
  const scopes = targets.map(scope);
  const length = scopes.reduce((sum, { length }) => sum + length, RMRR_BYTES);
  return joined([packed([2, RMRR], [2, length], [2, 0], [2, 0], [8, start], [8, last]), ...scopes]);
}

function scope({ isBridge, rootBus, path }: Target): Uint8Array {
  const length = SCOPE_BYTES + STEP_BYTES * path.length;
  const head = packed([1, isBridge ? BRIDGE : ENDPOINT], [1, length], [2, 0], [1, 0], [1, rootBus]);
  return joined([head, ...path.map((step) => packed([1, step.slot], [1, step.function]))]);
}
