/** VFIO_IOMMU_DIRTY_PAGES. [spec §7] */
import { ok, type Refusal, refused } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { type BitmapRequest, fillBitmap, isBadDescription, NOT_WRITTEN } from "./dirty_bitmap.ts";
import { NO_IOMMU, openContainer } from "./lifecycle.ts";
import { cutsMapping, isAligned, rangeOf, wraps } from "./mappings.ts";
import { U64_MAX } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import type { Mapping, Outcome, State, Type1 } from "./state.ts";
import { withMappingsReplaced, withType1 } from "./type1_state.ts";

export const DIRTY_START = 1;
export const DIRTY_STOP = 2;
export const DIRTY_GET = 4;
const HEAD_BYTES = 8;
const GET_BYTES = 40;

/** Not all of a question. */
const CUT_OFF = refused("EINVAL", "§7.1 row 5");

/** What comes before any look at what is asked for: v1 has no dirty pages. [spec §7.1] */
function callFault({ unmapRules }: Type1, flags: number, argsz: number): Refusal | undefined {
  if (unmapRules === 1) return refused("EACCES", "§7.1 row 1");
  const isWrong = argsz < HEAD_BYTES || ![DIRTY_START, DIRTY_STOP, DIRTY_GET].includes(flags);
  return isWrong ? refused("EINVAL", "§7.1 row 2") : undefined;
}

/**
 * START, STOP, or flags that are neither. [spec §7.1; kernel: vfio_iommu_type1_dirty_pages]
 * @param flags with GET, it is one for a range of no bytes
 */
export function dirtyPages(state: State, key: string, flags: number, argsz = HEAD_BYTES): Outcome {
  const { type1 } = openContainer(state, key);
  if (!type1) return { state, answer: NO_IOMMU };
  const noRange = () => argsz < HEAD_BYTES + GET_BYTES ? CUT_OFF : refused("EINVAL", "§7.1 row 6");
  const fault = callFault(type1, flags, argsz) ?? (flags === DIRTY_GET ? noRange() : undefined);
  if (fault) return { state, answer: fault };
  const starts = flags === DIRTY_START;
  const answer = ok({}, starts ? "§7.1 row 3" : "§7.1 row 4");
  return { state: withType1(state, key, tracking(type1, starts)), answer };
}

/** Both are fine when it is so already; stopping forgets all bits. */
function tracking(type1: Type1, tracksDirtyPages: boolean): Type1 {
  if (type1.tracksDirtyPages === tracksDirtyPages) return type1;
  const fresh = new Map(type1.mappings.map((mapping) => [mapping, { ...mapping, staleBits: 0n }]));
  return { ...withMappingsReplaced(type1, fresh), tracksDirtyPages };
}

/** Asks for the dirty pages of a range. */
export interface DirtyRequest {
  readonly iova: bigint;
  readonly size: bigint;
  readonly bitmap: BitmapRequest;
  readonly argsz?: number;
}

/** GET_BITMAP into a zeroed bitmap. [spec §7.1–§7.4] */
export function getDirtyPages(state: State, key: string, request: DirtyRequest): Outcome {
  const { type1 } = openContainer(state, key);
  const { iova, size, bitmap, argsz = HEAD_BYTES + GET_BYTES } = request;
  if (!type1) return { state, answer: NO_IOMMU };
  const fault = callFault(type1, DIRTY_GET, argsz) ??
    (argsz < HEAD_BYTES + GET_BYTES ? CUT_OFF : undefined) ??
    rangeFault(state.semantics, request) ?? stateFault(state.semantics, type1, request);
  if (fault) return { state, answer: fault };
  const asked = mappingsFromTo(type1.mappings, iova, rangeOf(request).last);
  const filled = fillBitmap(state.semantics, asked, iova, bitmap, size);
  const after = withType1(state, key, withMappingsReplaced(type1, filled.mappings));
  return { state: after, answer: filled.failedAt ? NOT_WRITTEN : ok(filled.values, filled.rule) };
}

/**
 * What the range and the bitmap get a question refused for, first fault first.
 * [spec §7.1 rows 6 and 7, §12 R1d; kernel: vfio_iommu_type1_dirty_pages, verify_bitmap_size]
 */
function rangeFault({ deviations }: Semantics, { iova, size, bitmap }: DirtyRequest): Refusal | undefined {
  const looksLate = deviations.has("wrap-is-einval");
  if (size === 0n) return refused("EINVAL", looksLate ? "§7.1 row 7" : "§7.1 row 6");
  if (wraps(iova, size)) return refused(looksLate ? "EINVAL" : "EOVERFLOW", "§7.1 row 6");
  if (deviations.has("dirty-to-the-end") && iova + size > U64_MAX) return refused("EINVAL", "§12 R1d");
  return isBadDescription(bitmap, size) ? refused("EINVAL", "§7.1 row 7") : undefined;
}

/**
 * What the container gets a question about a range that can be refused for: a page size that isn't the smallest, a
 * range that isn't made of such pages, no tracking, a mapping that the range cuts.
 * [spec §7.1 rows 8–10; kernel: vfio_iommu_type1_dirty_pages, vfio_iova_dirty_bitmap]
 */
function stateFault(semantics: Semantics, type1: Type1, request: DirtyRequest): Refusal | undefined {
  const { iova, size, bitmap: { pageSize = PAGE_SIZE } } = request;
  const isInPages = pageSize === PAGE_SIZE && isAligned(iova, size);
  if (!isInPages) return refused("EINVAL", "§7.1 row 8");
  if (!type1.tracksDirtyPages) return refused("EINVAL", "§7.1 row 9");
  return cutsMapping(semantics, type1, rangeOf(request)) ? refused("EINVAL", "§7.1 row 10") : undefined;
}

/** The mappings that begin in the range; none of them ends outside of it. */
export const mappingsFromTo = (mappings: readonly Mapping[], start: bigint, last: bigint) =>
  mappings.filter((mapping) => rangeOf(mapping).start >= start && rangeOf(mapping).start <= last);
