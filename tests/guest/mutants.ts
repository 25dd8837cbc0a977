/** Faults that somebody could make in vfio_iommu_type1.c, and the scenarios that are there to find them. */
import type { Edit } from "./mutant.ts";

export interface Mutant {
  readonly name: string;
  /** What is wrong with it. */
  readonly fault: string;
  readonly edits: readonly Edit[];
  /** Scenarios that guard the rule: each must fail. */
  readonly guards: readonly string[];
  /** Where the fault shows; by default on the first machine. */
  readonly machine?: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "exclude-off-by-one",
    fault: "a region that begins at the last byte of a range doesn't shorten it",
    edits: [{ in: "vfio_iommu_resv_exclude", replace: "start > n->end", by: "start >= n->end" }],
    guards: ["seed/one-byte-at-the-end-of-a-range"],
  },
  {
    name: "no-conflict-check",
    fault: "a group is attached although a mapping lies in one of its regions",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (vfio_iommu_resv_conflict(iommu, &group_resv_regions)) {",
      by: "if (vfio_iommu_resv_conflict(iommu, &group_resv_regions) && !iommu) {",
    }],
    guards: ["smoke/a-conflict"],
  },
  {
    name: "no-refresh",
    fault: "the list isn't worked out anew when a group leaves",
    edits: [{
      in: "vfio_iommu_type1_detach_group",
      replace: "if (!vfio_iommu_resv_refresh(iommu, &iova_copy))",
      by: "if (vfio_iommu_resv_refresh(iommu, &iova_copy) > 0)",
    }],
    guards: ["smoke/a-hole-comes-and-goes"],
  },
];
