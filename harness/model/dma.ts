/** VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA. [spec §4, §5] */
import { type Errno, ok, refused } from "./answer.ts";
import { openContainer } from "./lifecycle.ts";
import { findMapping, mappingsFrom, type MappingTree, withMapping, withoutMapping } from "./mapping_tree.ts";
import { isTaken, mappingsIn, rangeOf, wraps } from "./mappings.ts";
import { hex, insideOneRange, U64_MAX } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import { type Mapping, type Outcome, type State, type Type1, withEntry } from "./state.ts";
import { leak } from "./type1.ts";

/** Smallest page of every IOMMU here, and of the CPU. */
export const PAGE_SIZE = 4096n;

export const MAP_READ = 1;
export const MAP_WRITE = 2;
export const MAP_VADDR = 4;
const MAP_STRUCT_BYTES = 32;

export const UNMAP_DIRTY_BITMAP_FLAG = 1;
export const UNMAP_ALL_FLAG = 2;
const UNMAP_VADDR_FLAG = 4;
const UNMAP_STRUCT_BYTES = 24;

export interface MapRequest {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  /** Where the memory is said to be; left out, the probe supplies memory that is there and touched. */
  readonly vaddr?: bigint;
  readonly argsz?: number;
}

export interface UnmapRequest {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  readonly argsz?: number;
}

/** The flags that the kernel knows: VADDR came with ALL. [spec §4.1 row 2, §5.1 row 2] */
const mapFlags = ({ knowsUnmapAll }: Semantics): number =>
  MAP_READ | MAP_WRITE | (knowsUnmapAll ? MAP_VADDR : 0);
const unmapFlags = ({ knowsUnmapAll }: Semantics): number =>
  UNMAP_DIRTY_BITMAP_FLAG | (knowsUnmapAll ? UNMAP_ALL_FLAG | UNMAP_VADDR_FLAG : 0);

/** Whether the shape of the kernel's tree decides what a lookup finds. */
const growsTree = ({ deviations }: Semantics): boolean => deviations.has("map-at-the-top");

const isAligned = (...values: bigint[]): boolean => values.every((value) => value % PAGE_SIZE === 0n);

/** What the fields alone get a MAP refused for, first fault first. [spec §4.1 rows 2–6] */
function mapFieldFault(semantics: Semantics, request: MapRequest): Errno | undefined {
  const { iova, size, flags, vaddr = 0n, argsz = MAP_STRUCT_BYTES } = request;
  const wrapping = wraps(iova, size) || wraps(vaddr, size);
  if (argsz < MAP_STRUCT_BYTES || (flags & ~mapFlags(semantics)) !== 0) return "EINVAL";
  const looksLate = semantics.deviations.has("wrap-is-einval");
  if (!looksLate && size === 0n) return "EINVAL";
  if (!looksLate && wrapping) return "EOVERFLOW";
  const access = flags & (MAP_READ | MAP_WRITE);
  if (flags === 0 || ((flags & MAP_VADDR) !== 0 && access !== 0)) return "EINVAL";
  if (size === 0n || !isAligned(iova, size, vaddr)) return "EINVAL";
  if (wrapping) return "EINVAL";
  return undefined;
}

/** What the container's state gets a MAP with good fields refused for. [spec §4.1 rows 7–13, §4.4] */
function mapStateFault(semantics: Semantics, type1: Type1, request: MapRequest): Errno | undefined {
  const range = rangeOf(request);
  const taken = isTaken(semantics, type1, range);
  if ((request.flags & MAP_VADDR) !== 0) return taken ? "EINVAL" : "ENOENT";
  if (taken) return "EEXIST";
  if (type1.mappings.length >= type1.mappingLimit) return "ENOSPC";
  if (!insideOneRange(type1.list, range)) return "EINVAL";
  if (request.vaddr !== undefined) return "EFAULT";
  return undefined;
}

/** Adds a mapping, all of it or nothing. [spec §4; kernel: vfio_dma_do_map] */
export function mapDma(state: State, key: string, request: MapRequest): Outcome {
  const { semantics } = state;
  const { type1 } = openContainer(state, key);
  if (!type1) return { state, answer: refused("EINVAL") };
  const fault = mapFieldFault(semantics, request) ?? mapStateFault(semantics, type1, request);
  if (fault) return { state, answer: refused(fault) };
  const { iova, size } = request;
  const mapping = { iova, size, lockedPages: size / PAGE_SIZE };
  const tree = growsTree(semantics) ? withMapping(type1.tree, mapping) : undefined;
  return { state: withMappings(state, key, [...type1.mappings, mapping], tree), answer: ok() };
}

/** What gets an UNMAP refused, first fault first. [spec §5.1] */
function unmapFault(semantics: Semantics, type1: Type1, request: UnmapRequest): Errno | undefined {
  const { iova, size, flags, argsz = UNMAP_STRUCT_BYTES } = request;
  if (argsz < UNMAP_STRUCT_BYTES || (flags & ~unmapFlags(semantics)) !== 0) return "EINVAL";
  // Needs dirty tracking, which nothing here turns on. [spec §5.1 rows 3, 4 and 10]
  if ((flags & UNMAP_DIRTY_BITMAP_FLAG) !== 0) return "EINVAL";
  if (!isAligned(iova)) return "EINVAL";
  if (flags === UNMAP_ALL_FLAG) return iova !== 0n || size !== 0n ? "EINVAL" : undefined;
  if (size === 0n || !isAligned(size)) return "EINVAL";
  if (wraps(iova, size)) return semantics.deviations.has("wrap-is-einval") ? "EINVAL" : "EOVERFLOW";
  const { start, last } = rangeOf(request);
  const bisects = (mapping: Mapping) => {
    const { start: first, last: end } = rangeOf(mapping);
    return (first < start && start <= end) || (first <= last && last < end);
  };
  const found = growsTree(semantics)
    ? [start, last].flatMap((at) => findMapping(type1.tree, { start: at, last: at }) ?? [])
    : mappingsIn(semantics, type1, { start, last });
  return type1.unmapRules === 2 && found.some(bisects) ? "EINVAL" : undefined;
}

/** The mappings that a valid UNMAP removes. [spec §5.2, §5.3] */
function unmapped(semantics: Semantics, type1: Type1, request: UnmapRequest): readonly Mapping[] {
  const { mappings, unmapRules, tree } = type1;
  if (request.flags === UNMAP_ALL_FLAG) return growsTree(semantics) ? mappingsFrom(tree, 0n) : mappings;
  const range = rangeOf(request);
  if (semantics.deviations.has("unmap-to-the-end") && range.last === U64_MAX) return [];
  // Kernels without ALL look for one mapping after the other instead of walking on from the first.
  const found = growsTree(semantics) && semantics.knowsUnmapAll
    ? mappingsFrom(tree, range.start).filter(({ iova }) => iova <= range.last)
    : mappingsIn(semantics, type1, range);
  if (unmapRules === 1 && found.some(({ iova }) => iova < range.start)) return [];
  return found;
}

/** Removes mappings and says how many bytes they covered. [spec §5; kernel: vfio_dma_do_unmap] */
export function unmapDma(state: State, key: string, request: UnmapRequest): Outcome {
  const { type1 } = openContainer(state, key);
  if (!type1) return { state, answer: refused("EINVAL") };
  const fault = unmapFault(state.semantics, type1, request);
  if (fault) return { state, answer: refused(fault) };
  const removed = unmapped(state.semantics, type1, request);
  const kept = type1.mappings.filter((mapping) => !removed.includes(mapping));
  const bytes = removed.reduce((sum, { size }) => sum + size, 0n);
  const tree = growsTree(state.semantics) ? removed.reduce(withoutMapping, type1.tree) : undefined;
  return { state: withMappings(leak(state, removed), key, kept, tree), answer: ok({ size: hex(bytes) }) };
}

function withMappings(
  state: State,
  key: string,
  mappings: readonly Mapping[],
  tree: MappingTree | undefined,
): State {
  const container = openContainer(state, key);
  if (!container.type1) return state;
  const sorted = [...mappings].sort((a, b) => (a.iova < b.iova ? -1 : 1));
  const changed = { ...container, type1: { ...container.type1, mappings: sorted, tree } };
  return { ...state, containers: withEntry(state.containers, key, changed) };
}
