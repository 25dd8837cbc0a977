/** VFIO_IOMMU_UNMAP_DMA. [spec §5] */
import { ok, type Refusal, refused, type RuleText } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { type BitmapRequest, fillBitmap, isBadDescription } from "./dirty_bitmap.ts";
import { NO_IOMMU, openContainer } from "./lifecycle.ts";
import { leak } from "./locked_memory.ts";
import { findMapping, mappingsFrom, prunedBy, treeOf, trueEnd, withoutMapping } from "./mapping_tree.ts";
import {
  allIn,
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
function fieldFault(semantics: Semantics, request: UnmapRequest): Refusal | undefined {
  const { iova, size, flags, bitmap = {} } = request;
  const { argsz = UNMAP_STRUCT_BYTES + UNMAP_BITMAP_BYTES } = request;
  const isUnknown = argsz < UNMAP_STRUCT_BYTES || (flags & ~knownFlags(semantics)) !== 0;
  if (isUnknown) return refused("EINVAL", "§5.1 row 2");
  if (wantsBitmap(request)) {
    if (flags !== UNMAP_DIRTY_BITMAP_FLAG) return refused("EINVAL", "§5.1 row 3");
    const isCutOff = argsz < UNMAP_STRUCT_BYTES + UNMAP_BITMAP_BYTES;
    if (isCutOff || isBadDescription(bitmap, size)) return refused("EINVAL", "§5.1 row 4");
  }
  if (!isAligned(iova)) return refused("EINVAL", "§5.1 row 6");
  if (wantsAll(request)) {
    return iova !== 0n || size !== 0n ? refused("EINVAL", "§5.1 row 7") : undefined;
  }
  if (size === 0n || !isAligned(size)) return refused("EINVAL", "§5.1 row 8");
  if (!wraps(iova, size)) return undefined;
  return refused(semantics.deviations.has("wrap-is-einval") ? "EINVAL" : "EOVERFLOW", "§5.1 row 9");
}

/** What the container's state gets an UNMAP with good fields refused for. [spec §5.1 rows 10 and 11] */
function stateFault(semantics: Semantics, type1: Type1, request: UnmapRequest): Refusal | undefined {
  if (wantsBitmap(request)) {
    const { pageSize = PAGE_SIZE } = request.bitmap ?? {};
    const isUnasked = !type1.tracksDirtyPages || pageSize !== PAGE_SIZE;
    if (isUnasked) return refused("EINVAL", "§5.1 row 10");
  }
  if (type1.unmapRules === 1 || wantsAll(request)) return undefined;
  return cutsMapping(semantics, type1, rangeOf(request)) ? refused("EINVAL", "§5.1 row 11") : undefined;
}

/** The mappings that a valid UNMAP is about. [spec §5.2, §5.3] */
function targets(semantics: Semantics, type1: Type1, request: UnmapRequest): readonly Mapping[] {
  const { mappings, unmapRules, tree } = type1;
  if (wantsAll(request)) return searchesTree(semantics, type1) ? mappingsFrom(treeOf(tree), 0n) : mappings;
  const range = rangeOf(request);
  if (isBlindTo(semantics, range)) return [];
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
  if (!type1) return { state, answer: NO_IOMMU };
  const fault = fieldFault(semantics, request) ?? stateFault(semantics, type1, request);
  if (fault) return { state, answer: fault };
  const found = targets(semantics, type1, request);
  if ((request.flags & UNMAP_VADDR_FLAG) !== 0) return takeVaddrs(state, key, type1, found);
  if (wantsBitmap(request)) return unmapWithBitmap(state, key, type1, request, found);
  const removed = untilForeign(state, found);
  const rule = removed.length < found.length ? "§5.2" : effectRule(semantics, type1, request, found);
  return { state: withoutMappings(state, key, type1, removed), answer: ok({ size: bytesOf(removed) }, rule) };
}

/** What decides on the mappings that an UNMAP is about: a fault where it keeps one from being found. */
function effectRule(
  semantics: Semantics,
  type1: Type1,
  request: UnmapRequest,
  found: readonly Mapping[],
): RuleText {
  const isHiding = found.some((mapping) => isHidden(semantics, mapping));
  if (wantsAll(request)) return isHiding || found.length < type1.mappings.length ? "§12 R1c" : "§5.2 row 4";
  const range = rangeOf(request);
  const isBlind = isBlindTo(semantics, range);
  const rule = rangeRule(semantics, type1);
  if (!isBlind && !searchesTree(semantics, type1)) return rule;
  const all = allIn(type1, range);
  const stops = type1.unmapRules === 1 && all.some(({ iova }) => iova < range.start);
  if (stops || all.length === found.length) return rule;
  return isBlind && !all.every((mapping) => isHidden(semantics, mapping)) ? "§12 R1b" : "§12 R1a";
}

/** What decides on the mappings of a range where all are found. */
function rangeRule(semantics: Semantics, { unmapRules }: Type1): RuleText {
  if (unmapRules === 2) return "§5.2 row 1";
  return searchesAnew(semantics) ? "§5.2 row 3" : "§5.2 row 2";
}

/** Whether an UNMAP finds nothing in a range, whatever is there. [spec §5.3] */
const isBlindTo = ({ deviations }: Semantics, { last }: Range): boolean =>
  deviations.has("unmap-to-the-end") && last === U64_MAX;

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
  if (found.some(({ isInvalid }) => isInvalid)) return { state, answer: refused("EINVAL", "§5.2 row 5") };
  const invalid = new Map(found.map((mapping) => [mapping, { ...mapping, isInvalid: true }]));
  const after = withType1(state, key, withMappingsReplaced(type1, invalid));
  return { state: after, answer: ok({ size: bytesOf(found) }, "§5.2 row 5") };
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
  const { failedAt, mappings, values, rule } = fillBitmap(state.semantics, asked, iova, bitmap, size);
  const removed = failedAt ? asked.slice(0, asked.indexOf(failedAt)) : asked;
  const stays = failedAt ? new Map([[failedAt, mappings.get(failedAt) ?? failedAt]]) : new Map();
  const changed = withMappingsReplaced(type1, stays);
  return {
    state: withoutMappings(state, key, changed, removed),
    answer: failedAt
      ? refused("EFAULT", "§5.2 row 6")
      : ok({ size: bytesOf(removed), ...values }, rule === "§7.2" ? "§5.2 row 6" : rule),
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
