/** VFIO_IOMMU_UNMAP_DMA. [spec §5] */
import { type Errno, ok, refused } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { type BitmapRequest, descriptionFault, fillBitmap } from "./dirty_bitmap.ts";
import { openContainer } from "./lifecycle.ts";
import { leak } from "./locked_memory.ts";
import { findMapping, mappingsFrom, prunedBy, treeOf, trueEnd, withoutMapping } from "./mapping_tree.ts";
import {
  cutsMapping,
  growsTree,
  isAligned,
  isHidden,
  mappingsIn,
  missesTop,
  rangeOf,
  searchesAnew,
  searchesTree,
  wraps,
} from "./mappings.ts";
import { currentProcess } from "./process.ts";
import { hex, type Range, U64_MAX } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import type { Mapping, Outcome, State, Type1 } from "./state.ts";
import { withMappingsReplaced, withType1 } from "./type1_state.ts";

export const UNMAP_DIRTY_BITMAP_FLAG = 1;
export const UNMAP_ALL_FLAG = 2;
export const UNMAP_VADDR_FLAG = 4;
const UNMAP_STRUCT_BYTES = 24;
const UNMAP_BITMAP_BYTES = 24;

export interface UnmapRequest {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  /** For the flag that asks for one. */
  readonly bitmap?: BitmapRequest;
  readonly argsz?: number;
}

const wantsBitmap = ({ flags }: UnmapRequest): boolean => (flags & UNMAP_DIRTY_BITMAP_FLAG) !== 0;
const wantsAll = ({ flags }: UnmapRequest): boolean => (flags & UNMAP_ALL_FLAG) !== 0;

/** The flags that the kernel knows. [spec §5.1 row 2] */
const knownFlags = ({ knowsUnmapAll }: Semantics): number =>
  UNMAP_DIRTY_BITMAP_FLAG | (knowsUnmapAll ? UNMAP_ALL_FLAG | UNMAP_VADDR_FLAG : 0);

/** What the fields alone get an UNMAP refused for, first fault first. [spec §5.1 rows 2–9] */
function fieldFault(semantics: Semantics, request: UnmapRequest): Errno | undefined {
  const { iova, size, flags, bitmap = {} } = request;
  const wanted = UNMAP_STRUCT_BYTES + (wantsBitmap(request) ? UNMAP_BITMAP_BYTES : 0);
  if ((request.argsz ?? wanted) < wanted || (flags & ~knownFlags(semantics)) !== 0) return "EINVAL";
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
function isRefused(semantics: Semantics, type1: Type1, request: UnmapRequest): boolean {
  if (wantsBitmap(request)) {
    const { pageSize = PAGE_SIZE } = request.bitmap ?? {};
    if (!type1.tracksDirtyPages || pageSize !== PAGE_SIZE) return true;
  }
  if (type1.unmapRules === 1 || wantsAll(request)) return false;
  return cutsMapping(semantics, type1, rangeOf(request));
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
  const fault = type1 ? fieldFault(semantics, request) : "EINVAL";
  if (!type1 || fault) return { state, answer: refused(fault ?? "EINVAL") };
  if (isRefused(semantics, type1, request)) return { state, answer: refused("EINVAL") };
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
  const hidden = removed.filter((mapping) => isHidden(state.semantics, mapping));
  const stuck = hidden.length > 0 ? [...type1.stuck ?? [], ...hidden] : type1.stuck;
  const tree = isEmpty || !growsTree(state.semantics) ? undefined : removed.reduce(prunedBy, type1.tree);
  return withType1(leak(state, removed), key, { ...type1, mappings, stuck, tree });
}
