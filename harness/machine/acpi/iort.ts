/** Arm's IORT table with reserved memory ranges of one's own. [Arm DEN 0049E.d, §3.1; QEMU: hw/arm/virt-acpi-build.c] */
import { hex, rangeText } from "../../model/range_list.ts";
import { type FirmwareRegion, isFor } from "./region.ts";
import {
  type Field,
  joined,
  type Layout,
  packed,
  type Structure,
  structuresOf,
  TableError,
  withStructures,
} from "./table.ts";

/** Behind the header: number of nodes, where they begin, four reserved bytes. */
export const IORT_LAYOUT: Layout = {
  signature: "IORT",
  bodyOffset: 48,
  head: (view, offset) => ({ type: view.getUint8(offset), lengthBytes: view.getUint16(offset + 1, true) }),
};

const REVISION_OFFSET = 8;
const COUNT_OFFSET = 36;
const BODY_OFFSET_OFFSET = 40;
/** The first revision whose memory range nodes kernels look at. [kernel: iort_find_rmrs] */
const REVISION = 5;

const ROOT_COMPLEX = 2;
const SMMUV3 = 4;
const RMR = 6;
const RMR_REVISION = 3;

/** Where every node has its identifier, and how many mappings it has where. */
const IDENTIFIER_OFFSET = 4;
const MAPPING_COUNT_OFFSET = 8;
const MAPPINGS_OFFSET = 12;
const HEAD_BYTES = 16;
const NODE_BYTES = 28;
const DESCRIPTOR_BYTES = 20;
const MAPPING_BYTES = 20;

const REMAPPING_PERMITTED = 1;

/** By what an SMMU knows a function. */
interface Stream {
  /** Where the SMMU's node is in the table. */
  readonly smmuOffset: number;
  readonly id: number;
}

/**
 * The table with a node for each range of the regions, behind all that is there: nodes refer to each other by their
 * places.
 *
 * @param ids all functions of the machine; those that a region is for become streams of its node
 * @throws TableError for a table that can't be read, or a function that no SMMU stands before
 */
export function withRmrs(
  table: Uint8Array,
  regions: readonly FirmwareRegion[],
  ids: readonly number[],
): Uint8Array<ArrayBuffer> {
  const nodes = nodesOf(table);
  const view = viewOf(table);
  const mappings = rootMappings(table, nodes);
  const used = nodes.map(({ bytes }) => viewOf(bytes).getUint32(IDENTIFIER_OFFSET, true));
  const unused = Math.max(-1, ...used) + 1;
  const rmrs = sameRegions(regions).map((same, index): Structure => {
    const streams = ids.filter((id) => same.some((region) => isFor(region, id)))
      .map((id) => streamOf(id, mappings));
    return { type: RMR, bytes: rmr(same[0], streams, unused + index) };
  });
  const all = [...nodes, ...rmrs];
  const head = Uint8Array.from(table);
  viewOf(head).setUint32(COUNT_OFFSET, all.length, true);
  viewOf(head).setUint8(REVISION_OFFSET, Math.max(REVISION, view.getUint8(REVISION_OFFSET)));
  return withStructures(head, IORT_LAYOUT, all);
}

function nodesOf(table: Uint8Array): Structure[] {
  const nodes = structuresOf(table, IORT_LAYOUT);
  if (viewOf(table).getUint32(BODY_OFFSET_OFFSET, true) !== IORT_LAYOUT.bodyOffset) {
    throw new TableError("the nodes of the IORT table don't begin behind its header");
  }
  if (nodes.some(({ bytes }) => bytes.length < HEAD_BYTES)) {
    throw new TableError(`a node of the IORT table has less than ${HEAD_BYTES} bytes`);
  }
  return nodes;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/** Devices that share a region share its node. */
function sameRegions(regions: readonly FirmwareRegion[]): [FirmwareRegion, ...FirmwareRegion[]][] {
  const groups = Map.groupBy(regions, (region) => `${rangeText(region)} ${region.kind}`);
  return [...groups.values()].flatMap(([first, ...others]) => (first ? [[first, ...others]] : []));
}

/** Which functions of the root complexes are which streams. */
interface Mapping extends Stream {
  readonly first: number;
  readonly last: number;
}

/** What doesn't go to an SMMU, goes to the interrupt controller untranslated. */
const rootMappings = (table: Uint8Array, nodes: readonly Structure[]): Mapping[] =>
  nodes.filter(({ type }) => type === ROOT_COMPLEX).flatMap(mappingsOf)
    .filter(({ smmuOffset }) => table[smmuOffset] === SMMUV3);

function mappingsOf({ bytes }: Structure): Mapping[] {
  const view = viewOf(bytes);
  const at = view.getUint32(MAPPINGS_OFFSET, true);
  const count = view.getUint32(MAPPING_COUNT_OFFSET, true);
  if (at + count * MAPPING_BYTES > bytes.length) {
    throw new TableError("a root complex of the IORT table has mappings beyond its end");
  }
  return Array.from({ length: count }, (_, index) => {
    const word = (number: number) => view.getUint32(at + index * MAPPING_BYTES + number * 4, true);
    // The count is one less than there are.
    return { first: word(0), last: word(0) + word(1), id: word(2), smmuOffset: word(3) };
  });
}

function streamOf(id: number, mappings: readonly Mapping[]): Stream {
  const mapping = mappings.find(({ first, last }) => first <= id && id <= last);
  if (!mapping) {
    throw new TableError(`no SMMU of the IORT table is in the way of function ${hex(id)}`);
  }
  return { id: mapping.id + id - mapping.first, smmuOffset: mapping.smmuOffset };
}

/** A node of one range, and a mapping for each of its streams. */
function rmr(region: FirmwareRegion, streams: readonly Stream[], identifier: number): Uint8Array {
  const { start, last, kind } = region;
  const mappingsAt = NODE_BYTES + DESCRIPTOR_BYTES;
  const lengthBytes = mappingsAt + MAPPING_BYTES * streams.length;
  const flags = kind === "rmr-relaxable" ? REMAPPING_PERMITTED : 0;
  const head: Field[] = [[1, RMR], [2, lengthBytes], [1, RMR_REVISION], [4, identifier]];
  return joined([
    packed(...head, [4, streams.length], [4, mappingsAt], [4, flags], [4, 1], [4, NODE_BYTES]),
    packed([8, start], [8, last - start + 1n], [4, 0]),
    ...streams.map(({ id, smmuOffset }) => packed([4, 0], [4, 0], [4, id], [4, smmuOffset], [4, 0])),
  ]);
}
