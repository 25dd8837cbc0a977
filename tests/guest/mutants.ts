/** Faults that somebody could make in vfio_iommu_type1.c, and the scenarios that are there to find them. */
import type { Edit } from "./mutant.ts";

export interface Mutant {
  readonly name: string;
  /** What is wrong with it. */
  readonly fault: string;
  readonly edits: readonly Edit[];
  /** Scenarios that guard the rule: each must fail. */
  readonly guards: readonly string[];
  /** Where the fault shows. */
  readonly machine?: "intel-iommu" | "virtio-iommu";
  /** Which kernels it is made from; by default the newest of them. */
  readonly kernels?: readonly string[];
}

const BOTH = ["debian:6.1", "debian:6.12"];

export const MUTANTS: readonly Mutant[] = [
  {
    name: "exclude-off-by-one",
    fault: "a region that begins at the last byte of a range doesn't shorten it",
    edits: [{ in: "vfio_iommu_resv_exclude", replace: "start > n->end", by: "start >= n->end" }],
    guards: [
      "seed/one-byte-at-the-top",
      "seed/one-byte-at-the-end-of-a-range",
      "seed/one-byte-at-the-end-of-a-new-range",
      "seed/from-the-last-byte-of-a-range-into-the-next",
    ],
    kernels: BOTH,
  },
  {
    name: "no-conflict-check",
    fault: "a group is attached although a mapping lies in one of its regions",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (vfio_iommu_resv_conflict(iommu, &group_resv_regions)) {",
      by: "if (vfio_iommu_resv_conflict(iommu, &group_resv_regions) && !iommu) {",
    }],
    guards: ["smoke/a-conflict", "seed/mapping-inside-a-region"],
    kernels: BOTH,
  },
  {
    name: "no-refresh",
    fault: "the list isn't worked out anew when a group leaves",
    edits: [{
      in: "vfio_iommu_type1_detach_group",
      replace: "if (!vfio_iommu_resv_refresh(iommu, &iova_copy))",
      by: "if (vfio_iommu_resv_refresh(iommu, &iova_copy) > 0)",
    }],
    guards: ["smoke/a-hole-comes-and-goes", "seed/interior-hole-comes-back"],
    kernels: BOTH,
  },
  {
    name: "relaxable-excluded",
    fault: "a relaxable region is taken out of the list",
    edits: [{
      in: "vfio_iommu_resv_exclude",
      replace: "resv->type == IOMMU_RESV_DIRECT_RELAXABLE",
      by: "!resv",
    }],
    guards: ["seed/relaxable-regions-are-no-holes"],
  },
  {
    name: "relaxable-conflicts",
    fault: "a relaxable region with a mapping in it keeps its group out",
    edits: [{
      in: "vfio_iommu_resv_conflict",
      replace: "region->type == IOMMU_RESV_DIRECT_RELAXABLE",
      by: "!region",
    }],
    guards: ["seed/relaxable-regions-dont-conflict"],
  },
  {
    name: "exclude-from-one-range-only",
    fault: "a region over several ranges is taken out of the first of them only",
    edits: [{ in: "vfio_iommu_resv_exclude", replace: "kfree(n);", by: "kfree(n); break;" }],
    guards: ["deviations/exclusion-to-the-end"],
  },
  {
    name: "nothing-is-left",
    fault: "a group whose regions leave nothing is attached, and the empty list allows everything",
    edits: [{ in: "vfio_iommu_resv_exclude", replace: "return -EINVAL;", by: "return 0;" }],
    guards: ["seed/regions-over-everything"],
  },
  {
    name: "conflict-too-short",
    fault: "a mapping at the last byte of a region doesn't conflict",
    edits: [{ in: "vfio_iommu_resv_conflict", replace: "region->length)", by: "region->length - 1)" }],
    guards: ["seed/one-byte-at-the-start-of-a-mapping"],
  },
  {
    name: "conflict-with-the-first-region-only",
    fault: "further regions of a group aren't held against the mappings",
    edits: [{ in: "vfio_iommu_resv_conflict", replace: "return true;\n", by: "return true;\n break;\n" }],
    guards: ["seed/only-the-last-region-is-mapped"],
  },
  {
    name: "list-before-isolation",
    fault: "a group that is refused over its interrupts has changed the list",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "resv_msi = vfio_iommu_has_sw_msi",
      by: `vfio_iommu_iova_insert_copy(iommu, &iova_copy);
           INIT_LIST_HEAD(&iova_copy);
           vfio_iommu_iova_get_copy(iommu, &iova_copy);
           resv_msi = vfio_iommu_has_sw_msi`,
    }],
    guards: ["seed/refused-over-interrupts"],
    machine: "virtio-iommu",
  },
  {
    name: "joining-keeps-the-list",
    fault: "a group that joins another's domain leaves the list as it was",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "goto done;",
      by: `{
             vfio_iommu_iova_free(&iova_copy);
             vfio_iommu_iova_get_copy(iommu, &iova_copy);
             goto done;
           }`,
    }],
    guards: ["seed/region-group-joins-a-domain"],
  },
  {
    name: "refresh-of-one-group-only",
    fault: "when a group leaves, the regions of all that stay but one are forgotten",
    edits: [{
      in: "vfio_iommu_resv_refresh",
      replace: "list_for_each_entry(g, &d->group_list, next) {",
      by:
        "list_for_each_entry(g, &d->group_list, next) { if (!list_is_first(&g->next, &d->group_list)) continue;",
    }],
    guards: ["seed/three-groups-leave-one-by-one"],
  },
  {
    name: "refresh-in-spite-of-failure",
    fault: "regions that couldn't be collected are given back as if there were none",
    edits: [{ in: "vfio_iommu_resv_refresh", replace: "if (ret)\n\t\t\t\tgoto done;", by: "" }],
    guards: ["seed/no-memory-for-the-refresh"],
  },
  {
    name: "list-against-the-start-only",
    fault: "a mapping that begins in a range may end outside of it",
    edits: [{ in: "vfio_iommu_iova_dma_valid", replace: "end <= node->end", by: "start <= node->end" }],
    guards: ["seed/reported-is-enforced"],
  },
  {
    name: "bisection-allowed",
    fault: "UNMAP of version 2 takes a mapping whose end it cuts off",
    edits: [{
      in: "vfio_dma_do_unmap",
      replace: "if (dma && dma->iova + dma->size != iova + size)",
      by: "if (!iommu)",
    }],
    guards: ["seed/v2-refuses-to-bisect"],
  },
  {
    name: "budget-not-given-back",
    fault: "UNMAP doesn't give the budget of mappings back",
    edits: [{ in: "vfio_remove_dma", replace: "iommu->dma_avail++;", by: "" }],
    guards: ["seed/three-mappings-and-no-more"],
  },
  {
    name: "budget-before-overlap",
    fault: "a mapping over another is refused for want of budget instead",
    edits: [{
      in: "vfio_dma_do_map",
      replace: "dma = vfio_find_dma(iommu, iova, size);",
      by: `if (!iommu->dma_avail) { ret = -ENOSPC; goto out_unlock; }
           dma = vfio_find_dma(iommu, iova, size);`,
    }],
    guards: ["seed/three-mappings-and-no-more"],
  },
];
