import { type Range, rangeText } from "./range_list.ts";

/**
 * What a driver says of a region that a device must not, or need not, have remapped. In the order of the
 * kernel's enum iommu_resv_type, which is also the sort order within one start address. [spec §0.3, §9.1]
 */
export const RESERVED_KINDS = ["direct", "direct-relaxable", "reserved", "msi", "sw-msi"] as const;
export type ReservedKind = (typeof RESERVED_KINDS)[number];

export interface ReservedRegion extends Range {
  readonly kind: ReservedKind;
}

/**
 * Whether type1 keeps the region out of the IOVA list and refuses a group whose region hits a mapping:
 * every kind but direct-relaxable. [spec §2.1 rows 10 and 13, §2.5]
 */
export const isExcluded = (region: ReservedRegion): boolean => region.kind !== "direct-relaxable";

/** Whether devices write their interrupts there. */
export const isMsi = ({ kind }: ReservedRegion): boolean => kind === "msi" || kind === "sw-msi";

/** The kind as sysfs prints it: both MSI kinds read `msi`. [spec §9.1] */
export const sysfsKind = (kind: ReservedKind): string => (kind === "sw-msi" ? "msi" : kind);

/** `0xfee00000..0xfeefffff:msi`, as the probe lists a region. */
export const regionText = (region: ReservedRegion): string =>
  `${rangeText(region)}:${sysfsKind(region.kind)}`;

const byStartThenKind = (a: ReservedRegion, b: ReservedRegion): number =>
  a.start < b.start
    ? -1
    : a.start > b.start
    ? 1
    : RESERVED_KINDS.indexOf(a.kind) - RESERVED_KINDS.indexOf(b.kind);

/** By start address, then by kind; equals keep their order. [spec §9.1] */
export const sortRegions = (regions: readonly ReservedRegion[]): readonly ReservedRegion[] =>
  [...regions].sort(byStartThenKind);

/**
 * The regions of all devices of a group as one list: sorted by start and kind, regions of the same kind
 * merged where they overlap or are adjacent. Different kinds never merge and may overlap.
 * [spec §9.1; kernel: iommu_insert_resv_region]
 */
export function mergeRegions(regions: readonly ReservedRegion[]): readonly ReservedRegion[] {
  const merged: ReservedRegion[] = [];
  for (const region of sortRegions(regions)) {
    const index = merged.findLastIndex((earlier) => earlier.kind === region.kind);
    const earlier = merged[index];
    if (earlier && region.start <= earlier.last + 1n) {
      merged[index] = { ...earlier, last: region.last > earlier.last ? region.last : earlier.last };
    } else {
      merged.push(region);
    }
  }
  return merged;
}
