/** VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA. [spec §4, §5] */
import { type Errno, ok, refused } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { type BitmapRequest, descriptionFault, fillBitmap } from "./dirty_bitmap.ts";
import { openContainer } from "./lifecycle.ts";
import { leak } from "./locked_memory.ts";
import {
  findMapping,
  grownBy,
  mappingsFrom,
  prunedBy,
  treeOf,
  trueEnd,
  withoutMapping,
} from "./mapping_tree.ts";
import { bisects, isAligned, isTaken, mappingsIn, rangeOf, searchesTree, wraps } from "./mappings.ts";
import { type Backing, pin } from "./pinning.ts";
import { currentProcess, lockFault } from "./process.ts";
import { hex, insideOneRange, type Range, U64_MAX } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import type { Mapping, Outcome, State, Type1 } from "./state.ts";
import { withMappingAdded, withMappingsReplaced, withType1 } from "./type1_state.ts";

export const MAP_READ = 1;
export const MAP_WRITE = 2;
export const MAP_VADDR = 4;
const MAP_STRUCT_BYTES = 32;

export const UNMAP_DIRTY_BITMAP_FLAG = 1;
export const UNMAP_ALL_FLAG = 2;
export const UNMAP_VADDR_FLAG = 4;
const UNMAP_STRUCT_BYTES = 24;
const UNMAP_BITMAP_BYTES = 24;

export interface MapRequest {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  /** Where the memory is said to be, with nothing there; left out, there is memory. */
  readonly vaddr?: bigint;
  /** The memory that is there; left out, private and touched. */
  readonly backing?: Backing;
  readonly argsz?: number;
}

export interface UnmapRequest {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  /** For the flag that asks for one. */
  readonly bitmap?: BitmapRequest;
  readonly argsz?: number;
}

/** The flags that the kernel knows: VADDR came with ALL. [spec §4.1 row 2, §5.1 row 2] */
const mapFlags = ({ knowsUnmapAll }: Semantics): number =>
  MAP_READ | MAP_WRITE | (knowsUnmapAll ? MAP_VADDR : 0);
const unmapFlags = ({ knowsUnmapAll }: Semantics): number =>
  UNMAP_DIRTY_BITMAP_FLAG | (knowsUnmapAll ? UNMAP_ALL_FLAG | UNMAP_VADDR_FLAG : 0);

/** Whether the shape of the kernel's tree may come to decide what a lookup finds. */
const growsTree = (semantics: Semantics): boolean => missesTop(semantics) || searchesAnew(semantics);
const missesTop = ({ deviations }: Semantics): boolean => deviations.has("map-at-the-top");
const searchesAnew = ({ deviations }: Semantics): boolean => deviations.has("unmap-by-tree");

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

/** What the container's state gets a MAP with good fields refused for. [spec §4.1 rows 8–10] */
function mapStateFault(semantics: Semantics, type1: Type1, request: MapRequest): Errno | undefined {
  const range = rangeOf(request);
  if (isTaken(semantics, type1, range)) return "EEXIST";
  if (type1.mappings.length >= type1.mappingLimit) return "ENOSPC";
  if (!insideOneRange(type1.list, range)) return "EINVAL";
  return undefined;
}

/** Adds a mapping, all of it or nothing. [spec §4; kernel: vfio_dma_do_map] */
export function mapDma(state: State, key: string, request: MapRequest): Outcome {
  const { semantics } = state;
  const { type1 } = openContainer(state, key);
  const fieldFault = type1 ? mapFieldFault(semantics, request) : "EINVAL";
  if (!type1 || fieldFault) return { state, answer: refused(fieldFault ?? "EINVAL") };
  if ((request.flags & MAP_VADDR) !== 0) return giveVaddr(state, key, type1, request);
  const stateFault = mapStateFault(semantics, type1, request);
  if (stateFault) return { state, answer: refused(stateFault) };
  const { iova, size } = request;
  const { space, firstSpace: madeBy } = currentProcess(state);
  const pinned = pinBacking(state, request);
  const lockedPages = typeof pinned === "string" ? 0n : pinned;
  const mapping = { iova, size, lockedPages, space, madeBy, isInvalid: false, staleBits: 0n };
  const tree = growsTree(semantics) ? grownBy(type1.tree, mapping) : undefined;
  if (typeof pinned === "string") {
    // The mapping is in the tree when its memory is looked at; taken out again, it leaves the others turned.
    const turns = tree !== undefined && type1.mappings.length > 0;
    const after = turns ? withType1(state, key, { ...type1, tree: prunedBy(tree, mapping) }) : state;
    return { state: after, answer: refused(pinned) };
  }
  return { state: withType1(state, key, withMappingAdded(type1, mapping, tree)), answer: ok() };
}

function pinBacking(state: State, { size, flags, vaddr, backing }: MapRequest): bigint | Errno {
  const access = { read: (flags & MAP_READ) !== 0, write: (flags & MAP_WRITE) !== 0 };
  return pin(state, size, access, vaddr === undefined ? backing ?? { kind: "private" } : { kind: "none" });
}

/**
 * MAP with VADDR: new memory for a mapping whose own was taken away. It isn't touched, so it may be anything.
 * The charge moves to who calls. [spec §4.4; kernel: vfio_dma_do_map, vfio_change_dma_owner]
 */
function giveVaddr(state: State, key: string, type1: Type1, request: MapRequest): Outcome {
  const { semantics } = state;
  const range = rangeOf(request);
  const [found] = isTaken(semantics, type1, range) ? mappingsIn(semantics, type1, range) : [];
  if (!found) return { state, answer: refused("ENOENT") };
  if (!found.isInvalid || found.iova !== request.iova || found.size !== request.size) {
    return { state, answer: refused("EINVAL") };
  }
  const { space } = currentProcess(state);
  const fault = space === found.space ? undefined : lockFault(state, found.lockedPages);
  if (fault) return { state, answer: refused(fault) };
  const mended = withMappingsReplaced(type1, new Map([[found, { ...found, isInvalid: false, space }]]));
  return { state: withType1(state, key, mended), answer: ok() };
}

const wantsBitmap = ({ flags }: UnmapRequest): boolean => (flags & UNMAP_DIRTY_BITMAP_FLAG) !== 0;
const wantsAll = ({ flags }: UnmapRequest): boolean => (flags & UNMAP_ALL_FLAG) !== 0;

/** What the fields alone get an UNMAP refused for, first fault first. [spec §5.1 rows 2–9] */
function unmapFieldFault(semantics: Semantics, request: UnmapRequest): Errno | undefined {
  const { iova, size, flags, bitmap = {} } = request;
  const wanted = UNMAP_STRUCT_BYTES + (wantsBitmap(request) ? UNMAP_BITMAP_BYTES : 0);
  if ((request.argsz ?? wanted) < wanted || (flags & ~unmapFlags(semantics)) !== 0) return "EINVAL";
  if (wantsBitmap(request)) {
    if (flags !== UNMAP_DIRTY_BITMAP_FLAG) return "EINVAL";
    const fault = descriptionFault(bitmap, size);
    if (fault) return fault;
  }
  if (!isAligned(iova)) return "EINVAL";
  if (wantsAll(request)) return iova !== 0n || size !== 0n ? "EINVAL" : undefined;
  if (size === 0n || !isAligned(size)) return "EINVAL";
  if (wraps(iova, size)) return semantics.deviations.has("wrap-is-einval") ? "EINVAL" : "EOVERFLOW";
  return undefined;
}

/** Whether the container's state gets an UNMAP with good fields refused. [spec §5.1 rows 10 and 11] */
function isUnmapRefused(semantics: Semantics, type1: Type1, request: UnmapRequest): boolean {
  if (wantsBitmap(request)) {
    const { pageSize = PAGE_SIZE } = request.bitmap ?? {};
    if (!type1.tracksDirtyPages || pageSize !== PAGE_SIZE) return true;
  }
  if (type1.unmapRules === 1 || wantsAll(request)) return false;
  const range = rangeOf(request);
  const found = searchesTree(semantics, type1)
    ? [range.start, range.last].flatMap((at) =>
      findMapping(treeOf(type1.tree), { start: at, last: at }) ?? []
    )
    : mappingsIn(semantics, type1, range);
  return found.some((mapping) => bisects(range, mapping));
}

/** The mappings that a valid UNMAP is about. [spec §5.2, §5.3] */
function targets(semantics: Semantics, type1: Type1, request: UnmapRequest): readonly Mapping[] {
  const { mappings, unmapRules, tree } = type1;
  if (wantsAll(request)) return searchesTree(semantics, type1) ? mappingsFrom(treeOf(tree), 0n) : mappings;
  const range = rangeOf(request);
  if (semantics.deviations.has("unmap-to-the-end") && range.last === U64_MAX) return [];
  if (searchesAnew(semantics)) return targetsInTurn(semantics, type1, range);
  const found = searchesTree(semantics, type1) && semantics.knowsUnmapAll
    ? mappingsFrom(treeOf(tree), range.start).filter(({ iova }) => iova <= range.last)
    : mappingsIn(semantics, type1, range);
  if (unmapRules === 1 && found.some(({ iova }) => iova < range.start)) return [];
  return found;
}

/** One mapping after the other, from the root; by the rules of v1 until one is met that starts before the range. */
function targetsInTurn(semantics: Semantics, type1: Type1, range: Range): readonly Mapping[] {
  const { unmapRules } = type1;
  const endOf = missesTop(semantics) ? undefined : trueEnd;
  let tree = treeOf(type1.tree);
  const found: Mapping[] = [];
  for (;;) {
    const next = findMapping(tree, range, endOf);
    if (!next || (unmapRules === 1 && next.iova < range.start)) return found;
    found.push(next);
    tree = withoutMapping(tree, next);
  }
}

/** Removes mappings and says how many bytes they covered. [spec §5; kernel: vfio_dma_do_unmap] */
export function unmapDma(state: State, key: string, request: UnmapRequest): Outcome {
  const { semantics } = state;
  const { type1 } = openContainer(state, key);
  const fault = type1 ? unmapFieldFault(semantics, request) : "EINVAL";
  if (!type1 || fault) return { state, answer: refused(fault ?? "EINVAL") };
  if (isUnmapRefused(semantics, type1, request)) return { state, answer: refused("EINVAL") };
  const found = targets(semantics, type1, request);
  if ((request.flags & UNMAP_VADDR_FLAG) !== 0) return takeVaddrs(state, key, type1, found);
  if (wantsBitmap(request)) return unmapWithBitmap(state, key, type1, request, found);
  const removed = untilForeign(state, found);
  return { state: withoutMappings(state, key, type1, removed), answer: ok({ size: bytesOf(removed) }) };
}

const bytesOf = (mappings: readonly Mapping[]): string =>
  hex(mappings.reduce((sum, { size }) => sum + size, 0n));

/** Old kernels stop at a mapping that another process made, which may have ended since. [spec §5.2] */
function untilForeign(state: State, mappings: readonly Mapping[]): readonly Mapping[] {
  const { firstSpace } = currentProcess(state);
  const foreign = state.semantics.unmapsOwnOnly
    ? mappings.findIndex(({ madeBy }) => madeBy !== firstSpace)
    : -1;
  return foreign < 0 ? mappings : mappings.slice(0, foreign);
}

/** UNMAP with VADDR: the mappings stay, their memory is disowned. One without is one too many. [spec §5.2] */
function takeVaddrs(state: State, key: string, type1: Type1, found: readonly Mapping[]): Outcome {
  if (found.some(({ isInvalid }) => isInvalid)) return { state, answer: refused("EINVAL") };
  const invalid = new Map(found.map((mapping) => [mapping, { ...mapping, isInvalid: true }]));
  const after = withType1(state, key, withMappingsReplaced(type1, invalid));
  return { state: after, answer: ok({ size: bytesOf(found) }) };
}

/** Bits first, then the mapping: where the bits can't be written, those before it are gone. [spec §5.2] */
function unmapWithBitmap(
  state: State,
  key: string,
  type1: Type1,
  { iova, size, bitmap = {} }: UnmapRequest,
  found: readonly Mapping[],
): Outcome {
  const asked = untilForeign(state, found);
  const { failedAt, mappings, values } = fillBitmap(state.semantics, asked, iova, bitmap, size);
  const removed = failedAt ? asked.slice(0, asked.indexOf(failedAt)) : asked;
  const stays = failedAt ? new Map([[failedAt, mappings.get(failedAt) ?? failedAt]]) : new Map();
  const changed = withMappingsReplaced(type1, stays);
  return {
    state: withoutMappings(state, key, changed, removed),
    answer: failedAt ? refused("EFAULT") : ok({ size: bytesOf(removed), ...values }),
  };
}

function withoutMappings(state: State, key: string, type1: Type1, removed: readonly Mapping[]): State {
  const gone = new Set(removed);
  const mappings = type1.mappings.filter((mapping) => !gone.has(mapping));
  const isEmpty = mappings.length === 0;
  const tree = isEmpty || !growsTree(state.semantics) ? undefined : removed.reduce(prunedBy, type1.tree);
  return withType1(leak(state, removed), key, { ...type1, mappings, tree });
}
