/** VFIO_IOMMU_DIRTY_PAGES. [spec §7] */
import { type Errno, ok, refused } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { type BitmapRequest, descriptionFault, fillBitmap } from "./dirty_bitmap.ts";
import { openContainer } from "./lifecycle.ts";
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

/** What comes before any look at what is asked for: v1 has no dirty pages. [spec §7.1] */
function callFault(type1: Type1 | undefined, flags: number, argsz: number): Errno | undefined {
  if (!type1) return "EINVAL";
  if (type1.unmapRules === 1) return "EACCES";
  return argsz < HEAD_BYTES || ![DIRTY_START, DIRTY_STOP, DIRTY_GET].includes(flags) ? "EINVAL" : undefined;
}

/**
 * START, STOP, or flags that are neither. [spec §7.1; kernel: vfio_iommu_type1_dirty_pages]
 * @param flags with GET, it is one for a range of no bytes
 */
export function dirtyPages(state: State, key: string, flags: number, argsz = HEAD_BYTES): Outcome {
  const { type1 } = openContainer(state, key);
  const fault = callFault(type1, flags, argsz) ?? (flags === DIRTY_GET ? "EINVAL" : undefined);
  if (!type1 || fault) return { state, answer: refused(fault ?? "EINVAL") };
  return { state: withType1(state, key, tracking(type1, flags === DIRTY_START)), answer: ok() };
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
  const fault = callFault(type1, DIRTY_GET, argsz) ??
    (argsz < HEAD_BYTES + GET_BYTES ? "EINVAL" : rangeFault(state.semantics, request));
  if (!type1 || fault) return { state, answer: refused(fault ?? "EINVAL") };
  if (isRefused(state.semantics, type1, request)) return { state, answer: refused("EINVAL") };
  const asked = mappingsFromTo(type1.mappings, iova, rangeOf(request).last);
  const filled = fillBitmap(state.semantics, asked, iova, bitmap, size);
  const after = withType1(state, key, withMappingsReplaced(type1, filled.mappings));
  return { state: after, answer: filled.failedAt ? refused("EFAULT") : ok(filled.values) };
}

/**
 * What the range and the bitmap get a question refused for, first fault first.
 * [spec §7.1, §12 R1d; kernel: vfio_iommu_type1_dirty_pages, verify_bitmap_size]
 */
function rangeFault({ deviations }: Semantics, { iova, size, bitmap }: DirtyRequest): Errno | undefined {
  if (deviations.has("dirty-to-the-end") && size > 0n && iova + size > U64_MAX) return "EINVAL";
  if (size === 0n) return "EINVAL";
  if (wraps(iova, size)) return deviations.has("wrap-is-einval") ? "EINVAL" : "EOVERFLOW";
  return descriptionFault(bitmap, size);
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
