/**
 * The IOVA list of a container as a value: what an attach makes of it, what a detach makes of it.
 * [spec §2.3–§2.5, §3.1]
 */
import { hull, overlaps, type Range, type RangeList, without } from "./range_list.ts";
import { isExcluded, type ReservedRegion } from "./reserved.ts";

/** Tells whether some mapping has an address in the range; the caller knows how well the kernel looks. */
export type MappingTest = (range: Range) => boolean;

/**
 * Whether the aperture of a new group leaves out a mapping, or all of the list.
 * [spec §2.3; kernel: vfio_iommu_aper_conflict]
 */
export function apertureConflicts(list: RangeList, aperture: Range, mapped: MappingTest): boolean {
  const current = hull(list);
  if (!current) return false;
  if (!overlaps(current, aperture)) return true;
  const below = { start: current.start, last: aperture.start - 1n };
  const above = { start: aperture.last + 1n, last: current.last };
  return (aperture.start > current.start && mapped(below)) || (aperture.last < current.last && mapped(above));
}

/** Whether a region that will be excluded holds a mapping. [spec §2.1 row 10; kernel: vfio_iommu_resv_conflict] */
export const reservedConflicts = (regions: readonly ReservedRegion[], mapped: MappingTest): boolean =>
  regions.filter(isExcluded).some(mapped);

/**
 * The list cut down to the aperture; an empty list becomes the aperture itself.
 *
 * A range whose very last address is the aperture's first, or whose first is the aperture's last, goes
 * entirely, even if it has no other address: the kernel drops what would be a single one.
 * [spec §2.4; kernel: vfio_iommu_aper_resize]
 */
export function resizeToAperture(list: RangeList, aperture: Range): RangeList {
  if (list.length === 0) return [aperture];
  const trimmedBelow = list
    .filter((range) => range.last > aperture.start)
    .map((range) => range.start < aperture.start ? { ...range, start: aperture.start } : range);
  return trimmedBelow
    .filter((range) => range.start < aperture.last)
    .map((range) => range.last > aperture.last ? { ...range, last: aperture.last } : range);
}

/**
 * Removes every reserved region but the relaxable ones from the list.
 *
 * Byte-granular: no alignment is applied. Order, duplicates and overlaps of `regions` don't matter.
 * Neighbours that result are not merged. [spec §2.5; kernel: vfio_iommu_resv_exclude]
 *
 * @returns a new list; empty when nothing is left (the caller refuses the attach)
 */
export const excludeReserved = (list: RangeList, regions: readonly ReservedRegion[]): RangeList =>
  regions.filter(isExcluded).reduce<RangeList>(without, list);

/**
 * The list after a detach: everything between the two ends, less the regions of the groups that stay.
 * Nothing left means that the refresh failed and the old list stays. [spec §3.1 rows 5 and 6; kernel:
 * vfio_iommu_resv_refresh]
 */
export function refresh(ends: Range, regions: readonly ReservedRegion[], old: RangeList): RangeList {
  const rebuilt = excludeReserved([ends], regions);
  return rebuilt.length > 0 ? rebuilt : old;
}
