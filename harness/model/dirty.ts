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

/** Almost all that is asked wrongly. */
const WRONG = refused("EINVAL", "§7.1");

/** What comes before any look at what is asked for: v1 has no dirty pages. [spec §7.1] */
function callFault({ unmapRules }: Type1, flags: number, argsz: number): Refusal | undefined {
  if (unmapRules === 1) return refused("EACCES", "§7.1");
  return argsz < HEAD_BYTES || ![DIRTY_START, DIRTY_STOP, DIRTY_GET].includes(flags) ? WRONG : undefined;
}

/**
 * START, STOP, or flags that are neither. [spec §7.1; kernel: vfio_iommu_type1_dirty_pages]
 * @param flags with GET, it is one for a range of no bytes
 */
export function dirtyPages(state: State, key: string, flags: number, argsz = HEAD_BYTES): Outcome {
  const { type1 } = openContainer(state, key);
  if (!type1) return { state, answer: NO_IOMMU };
  const fault = callFault(type1, flags, argsz) ?? (flags === DIRTY_GET ? WRONG : undefined);
  if (fault) return { state, answer: fault };
  return { state: withType1(state, key, tracking(type1, flags === DIRTY_START)), answer: ok({}, "§7.1") };
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
    (argsz < HEAD_BYTES + GET_BYTES ? WRONG : rangeFault(state.semantics, request));
  if (fault) return { state, answer: fault };
  if (isRefused(state.semantics, type1, request)) return { state, answer: WRONG };
  const asked = mappingsFromTo(type1.mappings, iova, rangeOf(request).last);
  const filled = fillBitmap(state.semantics, asked, iova, bitmap, size);
  const after = withType1(state, key, withMappingsReplaced(type1, filled.mappings));
  return { state: after, answer: filled.failedAt ? NOT_WRITTEN : ok(filled.values, filled.rule) };
}

/**
 * What the range and the bitmap get a question refused for, first fault first.
 * [spec §7.1, §12 R1d; kernel: vfio_iommu_type1_dirty_pages, verify_bitmap_size]
 */
function rangeFault({ deviations }: Semantics, { iova, size, bitmap }: DirtyRequest): Refusal | undefined {
  if (size === 0n) return WRONG;
  if (wraps(iova, size)) return deviations.has("wrap-is-einval") ? WRONG : refused("EOVERFLOW", "§7.1");
  if (deviations.has("dirty-to-the-end") && iova + size > U64_MAX) return refused("EINVAL", "§12 R1d");
  return isBadDescription(bitmap, size) ? WRONG : undefined;
}

/**
 * Whether the container's state gets a question about a good range refused: no tracking, a page size that isn't the
 * smallest, a range that isn't made of such pages or cuts a mapping.
 * [spec §7.1; kernel: vfio_iommu_type1_dirty_pages, vfio_iova_dirty_bitmap]
 */
function isRefused(semantics: Semantics, type1: Type1, request: DirtyRequest): boolean {
  const { iova, size, bitmap: { pageSize = PAGE_SIZE } } = request;
  return pageSize !== PAGE_SIZE || !isAligned(iova, size) || !type1.tracksDirtyPages ||
    cutsMapping(semantics, type1, rangeOf(request));
}

/** The mappings that begin in the range; none of them ends outside of it. */
export const mappingsFromTo = (mappings: readonly Mapping[], start: bigint, last: bigint) =>
  mappings.filter((mapping) => rangeOf(mapping).start >= start && rangeOf(mapping).start <= last);
