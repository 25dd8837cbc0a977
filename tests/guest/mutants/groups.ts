/** Faults in how groups are attached and detached, and what that makes of the IOVA list. */
import { BOTH, type Mutant } from "./mutant.ts";

export const GROUP_MUTANTS: readonly Mutant[] = [
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
    name: "direct-not-excluded",
    fault: "what firmware wants mapped one to one stays in the list",
    edits: [{
      in: "vfio_iommu_resv_exclude",
      replace: "resv->type == IOMMU_RESV_DIRECT_RELAXABLE",
      by: "resv->type <= IOMMU_RESV_DIRECT_RELAXABLE",
    }],
    guards: [
      "firmware/regions-come-and-go",
      "firmware/the-region-is-there-first",
      "firmware/an-exclusion",
      "firmware/a-region-of-one-function",
      "firmware/a-region-of-a-range-of-devices",
    ],
    machine: "amd-ivmd",
    kernels: ["debian:6.1"],
  },
  {
    name: "direct-doesnt-conflict",
    fault: "a mapping lies where firmware wants another",
    edits: [{
      in: "vfio_iommu_resv_conflict",
      replace: "region->type == IOMMU_RESV_DIRECT_RELAXABLE",
      by: "region->type <= IOMMU_RESV_DIRECT_RELAXABLE",
    }],
    guards: ["firmware/regions-come-and-go", "firmware/mappings-beside-a-region", "firmware/an-exclusion"],
    machine: "amd-ivmd",
    kernels: ["debian:6.1"],
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
    name: "attach-without-vaddr",
    fault: "a group comes in while mappings wait for memory",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (iommu->vaddr_invalid_count)",
      by: "if (!iommu)",
    }],
    guards: ["type1/no-attach-without-vaddr"],
  },
  {
    name: "aperture-deletes-ranges",
    fault: "ranges above the aperture's start are deleted",
    edits: [{ in: "vfio_iommu_aper_resize", replace: "if (start < node->start)\n\t\t\tbreak;", by: "" }],
    guards: ["seed/aperture-wider-than-the-list"],
  },
  {
    name: "aperture-ends-early",
    fault: "a range that ends with the aperture is deleted",
    edits: [{ in: "vfio_iommu_aper_resize", replace: "end <= node->end", by: "end < node->end" }],
    guards: ["seed/region-group-joins-a-domain"],
  },
  {
    name: "copy-loses-a-byte",
    fault: "each copy of the list loses the last byte of every range",
    edits: [{ in: "vfio_iommu_iova_get_copy", replace: "n->start, n->end)", by: "n->start, n->end - 1)" }],
    guards: ["seed/region-group-joins-a-domain"],
  },
  {
    name: "old-list-stays",
    fault: "the new list is put behind the old one",
    edits: [{ in: "vfio_iommu_iova_insert_copy", replace: "vfio_iommu_iova_free(iova);", by: "" }],
    guards: ["seed/region-group-joins-a-domain"],
  },
  {
    name: "left-rest-lost",
    fault: "what lies before a region is lost",
    edits: [{ in: "vfio_iommu_resv_exclude", replace: "start > n->start", by: "!n->start" }],
    guards: ["seed/region-in-the-middle"],
  },
  {
    name: "right-rest-too-long",
    fault: "a range begins at a region's last byte",
    edits: [{ in: "vfio_iommu_resv_exclude", replace: "end + 1", by: "end" }],
    guards: ["seed/region-in-the-middle"],
  },
  {
    name: "refresh-from-an-empty-list",
    fault: "an empty list is worked out anew",
    edits: [{
      in: "vfio_iommu_resv_refresh",
      replace: "if (list_empty(iova_copy))\n\t\treturn -EINVAL;",
      by: "",
    }],
    guards: [],
    unreachable: "the list is empty only when there was no memory to copy it",
  },
  {
    name: "unsafe-interrupts-never",
    fault: "allow_unsafe_interrupts has no effect",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (!allow_unsafe_interrupts &&\n\t    ",
      by: "if (",
    }],
    guards: ["seed/not-isolated-but-allowed"],
    machine: "virtio-iommu",
  },
  {
    name: "unsafe-interrupts-always",
    fault: "a group without isolated interrupts is let in unasked",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (!allow_unsafe_interrupts &&\n\t    ",
      by: "if (!iommu &&",
    }],
    guards: ["seed/not-isolated-not-allowed"],
    machine: "virtio-iommu",
  },
  {
    name: "attached-twice",
    fault: "a group that is in the container already is attached again",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (vfio_iommu_find_iommu_group(iommu, iommu_group))",
      by: "if (!iommu)",
    }],
    guards: [],
    unreachable: "vfio itself refuses a group that has a container",
  },
  {
    name: "collection-failure-ignored",
    fault: "a group is attached though its regions couldn't be collected",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "ret = iommu_get_group_resv_regions(iommu_group, &group_resv_regions);\n\tif (ret)",
      by: "ret = iommu_get_group_resv_regions(iommu_group, &group_resv_regions);\n\tif (!iommu)",
    }],
    guards: ["smoke/no-memory"],
  },
  {
    name: "software-msi-beside-real",
    fault: "a software MSI region counts though there is a real one",
    edits: [{ in: "vfio_iommu_has_sw_msi", replace: "ret = false;\n\t\t\tbreak;", by: "continue;" }],
    guards: [],
    unreachable: "x86 has no use for software MSI regions",
  },
  {
    name: "mappings-outlive-the-last-group",
    fault: "mappings aren't removed when the last group leaves",
    edits: [{
      in: "vfio_iommu_type1_detach_group",
      replace: "\t\t\t\t\tvfio_iommu_unmap_unpin_all(iommu);",
      by: ";",
    }],
    guards: ["seed/group-closed-with-mappings"],
  },
];
