/** Faults that somebody could make in vfio_iommu_type1.c, and the scenarios that are there to find them. */
import { DMA_MUTANTS } from "./dma_mutants.ts";
import { DOMAIN_MUTANTS } from "./domain_mutants.ts";
import type { Edit } from "./mutant.ts";

/** A machine of configs/machines on which mutants are tried. */
export type MachineName = "intel-iommu" | "amd-iommu" | "virtio-iommu" | "amd-ivmd";

export interface Mutant {
  readonly name: string;
  /** What is wrong with it. */
  readonly fault: string;
  readonly edits: readonly Edit[];
  /** Scenarios that guard the rule: each must fail. */
  readonly guards: readonly string[];
  /**
   * How they fail: by a wrong answer, if nothing else is said. Which of both it is depends on chance where a fault
   * lets go of memory that nobody held.
   */
  readonly verdict?: "mismatch" | "crash" | "hang" | "mismatch or crash";
  /** Why no scenario can see the fault on a stock guest. Instead of guards: then all must pass. */
  readonly unreachable?: string;
  /** Where the fault shows; on VT-d, if nothing else is said. */
  readonly machine?: MachineName;
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
  {
    name: "touching-below-overlaps",
    fault: "a mapping that ends where another begins overlaps it",
    edits: [{ in: "vfio_find_dma", replace: "start + size <= dma->iova", by: "start + size < dma->iova" }],
    guards: ["seed/map-over-a-mapping", "seed/touching-mappings-dont-conflict"],
  },
  {
    name: "touching-above-overlaps",
    fault: "a mapping that begins where another ends overlaps it",
    edits: [{
      in: "vfio_find_dma",
      replace: "start >= dma->iova + dma->size",
      by: "start > dma->iova + dma->size",
    }],
    guards: ["seed/map-over-a-mapping", "seed/touching-mappings-dont-conflict"],
  },
  {
    name: "unmap-takes-the-one-before",
    fault: "UNMAP takes the mapping that ends where its range begins",
    edits: [{
      in: "vfio_find_dma_first_node",
      replace: "start < dma->iova + dma->size",
      by: "start <= dma->iova + dma->size",
    }],
    guards: ["type1/vaddr-taken-twice"],
  },
  {
    name: "first-node-behind-the-range",
    fault: "the first mapping of a range may begin where the range ends",
    edits: [{
      in: "vfio_find_dma_first_node",
      replace: "dma_res->iova >= start + size",
      by: "dma_res->iova > start + size",
    }],
    guards: [],
    unreachable: "its only caller compares each mapping with the range's end again",
  },
  {
    name: "tree-out-of-order",
    fault: "mappings are sorted the wrong way round",
    edits: [{
      in: "vfio_link_dma",
      replace: "new->iova + new->size <= dma->iova",
      by: "new->iova + new->size > dma->iova",
    }],
    guards: ["seed/three-mappings-and-no-more"],
  },
  {
    name: "linked-behind-an-equal",
    fault: "a mapping goes behind one that begins at the same address",
    edits: [{
      in: "vfio_link_dma",
      replace: "new->iova + new->size <= dma->iova",
      by: "new->iova + new->size < dma->iova",
    }],
    guards: [],
    unreachable: "no two mappings begin at the same address",
  },
  {
    name: "task-not-put",
    fault: "a removed mapping keeps its process's task",
    edits: [{ in: "vfio_remove_dma", replace: "put_task_struct(dma->task);", by: "" }],
    guards: [],
    unreachable: "nobody but the kernel's memory debugging counts what is never freed",
  },
  {
    name: "address-space-not-dropped",
    fault: "a removed mapping keeps its address space",
    edits: [{ in: "vfio_remove_dma", replace: "mmdrop(dma->mm);", by: "" }],
    guards: [],
    unreachable: "nobody but the kernel's memory debugging counts what is never freed",
  },
  {
    name: "unmapped-still-waits",
    fault: "a mapping that is unmapped while it waits for memory is waited for all the same",
    edits: [{ in: "vfio_remove_dma", replace: "iommu->vaddr_invalid_count--;", by: ";" }],
    guards: ["type1/unmapping-ends-the-wait"],
  },
  {
    name: "charge-not-noted",
    fault: "a mapping doesn't know what it was charged",
    edits: [{ in: "vfio_lock_acct", replace: "dma->locked_vm += npage;", by: ";" }],
    guards: ["type1/vaddr-moves-the-charge"],
    verdict: "crash",
  },
  {
    name: "charge-beyond-the-limit",
    fault: "what is charged isn't held against the limit",
    edits: [{ in: "mm_lock_acct", replace: "task, lock_cap)", by: "task, true)" }],
    guards: ["type1/vaddr-over-the-new-owners-limit"],
  },
  {
    name: "limit-too-low",
    fault: "the last page that the limit allows is refused",
    edits: [{
      in: "vfio_pin_pages_remote",
      replace: "mm->locked_vm + lock_acct + 1 > limit",
      by: "mm->locked_vm + lock_acct + 1 >= limit",
    }],
    guards: ["type1/up-to-the-limit"],
  },
  {
    name: "limit-for-the-capable",
    fault: "the limit holds for those who may exceed it",
    edits: [{ in: "vfio_pin_pages_remote", replace: "!dma->lock_cap &&", by: "" }],
    guards: ["type1/capable-beyond-the-limit"],
  },
  {
    name: "limit-forgotten",
    fault: "pinning doesn't look at the limit",
    edits: [{ in: "vfio_pin_pages_remote", replace: "mm->locked_vm + lock_acct + 1 > limit", by: "!mm" }],
    guards: [],
    unreachable: "the charge is held against the same limit once more, before the ioctl ends",
  },
  {
    name: "nothing-charged",
    fault: "pinned pages are charged to nobody",
    edits: [{ in: "vfio_pin_pages_remote", replace: "lock_acct++;", by: ";" }],
    guards: ["smoke/attach-map-unmap-detach"],
    verdict: "crash",
  },
  {
    name: "half-pinned-stays-pinned",
    fault: "pages that were pinned before one couldn't be stay pinned",
    edits: [{ in: "vfio_pin_pages_remote", replace: "if (pinned && !rsvd) {", by: "if (!mm) {" }],
    guards: [],
    unreachable: "pinned pages aren't counted, only what is charged for them",
  },
  {
    name: "charge-stays",
    fault: "UNMAP gives no charge back",
    edits: [{ in: "vfio_unpin_pages_remote", replace: "unlocked++;", by: ";" }],
    guards: ["smoke/attach-map-unmap-detach"],
  },
  {
    name: "last-page-stays",
    fault: "the last page of a mapping stays where it is",
    edits: [{
      in: "vfio_unmap_unpin",
      replace: "while (iova < end) {",
      by: "while (iova + PAGE_SIZE < end) {",
    }],
    guards: ["smoke/attach-map-unmap-detach"],
  },
  {
    name: "many-pieces-charged",
    fault: "the charge for more than 512 pieces at a time isn't given back",
    edits: [{ in: "unmap_unpin_fast", replace: "*unlocked += vfio_sync_unpin", by: "vfio_sync_unpin" }],
    guards: ["type1/a-bad-last-page"],
  },
  {
    name: "pages-not-marked-dirty",
    fault: "a page that a device may have written isn't marked so",
    edits: [{ in: "put_pfn", replace: "prot & IOMMU_WRITE", by: "false" }],
    guards: [],
    unreachable: "it shows in files and swap only, and only where a device writes",
  },
  {
    name: "read-only-for-writing",
    fault: "memory that can't be written to is pinned for writing",
    edits: [{ in: "vaddr_get_pfns", replace: "flags |= FOLL_WRITE;", by: ";" }],
    guards: ["type1/read-only-memory"],
  },
  {
    name: "page-sizes-of-nobody",
    fault: "page sizes are reported that the IOMMU doesn't have",
    edits: [{ in: "vfio_update_pgsize_bitmap", replace: "domain->domain->pgsize_bitmap", by: "PAGE_MASK" }],
    guards: ["smoke/attach-map-unmap-detach"],
  },
  {
    name: "page-sizes-from-a-page-up",
    fault: "sizes below a page are left out from the beginning",
    edits: [{
      in: "vfio_update_pgsize_bitmap",
      replace: "iommu->pgsize_bitmap = ULONG_MAX;",
      by: "iommu->pgsize_bitmap = PAGE_MASK;",
    }],
    guards: [],
    unreachable: "no IOMMU of x86 has pages smaller than 4 KiB",
  },
  {
    name: "not-all-dirty",
    fault: "mapped memory is clean though nobody knows what devices write",
    edits: [{
      in: "update_user_bitmap",
      replace: "iommu->num_non_pinned_groups && dma->iommu_mapped",
      by: "!iommu",
    }],
    guards: ["type1/all-that-is-mapped-is-dirty"],
  },
  {
    name: "dirty-from-the-ranges-start",
    fault: "every mapping's bits go to the start of the bitmap",
    edits: [{
      in: "update_user_bitmap",
      replace: "(dma->iova - base_iova) >> pgshift",
      by: "(dma->iova - dma->iova) >> pgshift",
    }],
    guards: ["type1/mapped-while-tracked"],
  },
  {
    name: "dirty-word-cut",
    fault: "bits that are shifted into the next word are lost",
    edits: [{ in: "update_user_bitmap", replace: "nbits + shift);\n\n", by: "nbits);\n\n" }],
    guards: ["deviations/dirty-neighbours"],
  },
  {
    name: "dirty-word-overwritten",
    fault: "a mapping clears the bits of those before it in the same word",
    edits: [{
      in: "update_user_bitmap",
      replace: "bitmap_or(dma->bitmap, dma->bitmap, &leftover, shift);",
      by: "",
    }],
    guards: ["deviations/dirty-neighbours"],
  },
  {
    name: "dirty-without-the-first",
    fault: "the mapping at the start of the range is left out",
    edits: [{ in: "vfio_iova_dirty_bitmap", replace: "if (dma->iova < iova)", by: "if (dma->iova <= iova)" }],
    guards: ["type1/all-that-is-mapped-is-dirty"],
  },
  {
    name: "dirty-up-to-the-last-byte",
    fault: "a mapping at the last byte of the range is left out",
    edits: [{
      in: "vfio_iova_dirty_bitmap",
      replace: "dma->iova > iova + size - 1",
      by: "dma->iova >= iova + size - 1",
    }],
    guards: [],
    unreachable: "mappings and ranges are whole pages",
  },
  {
    name: "dirty-cuts-the-start",
    fault: "a range may begin inside a mapping",
    edits: [{ in: "vfio_iova_dirty_bitmap", replace: "dma->iova != iova", by: "!iommu" }],
    guards: ["type1/dirty-get-refused"],
  },
  {
    name: "dirty-cuts-the-end",
    fault: "a range may end inside a mapping",
    edits: [{ in: "vfio_iova_dirty_bitmap", replace: "dma->iova + dma->size != iova + size", by: "!iommu" }],
    guards: ["type1/dirty-get-refused"],
  },
  {
    name: "bitmap-too-small",
    fault: "a bitmap may be a word short",
    edits: [{
      in: "verify_bitmap_size",
      replace: "bitmap_size < DIRTY_BITMAP_BYTES(npages)",
      by: "bitmap_size + 8 < DIRTY_BITMAP_BYTES(npages)",
    }],
    guards: ["type1/dirty-bitmap-sizes"],
  },
  {
    name: "biggest-bitmap-refused",
    fault: "the biggest bitmap is too big",
    edits: [{
      in: "verify_bitmap_size",
      replace: "bitmap_size > DIRTY_BITMAP_SIZE_MAX",
      by: "bitmap_size >= DIRTY_BITMAP_SIZE_MAX",
    }],
    guards: ["type1/dirty-bitmap-sizes"],
  },
  {
    name: "dirty-pages-of-v1",
    fault: "the older type tracks pages as well",
    edits: [{ in: "vfio_iommu_type1_dirty_pages", replace: "if (!iommu->v2)", by: "if (!iommu)" }],
    guards: ["type1/v1-has-no-dirty-pages"],
  },
  {
    name: "two-dirty-flags",
    fault: "START and STOP at once are taken for START",
    edits: [{
      in: "vfio_iommu_type1_dirty_pages",
      replace: "__ffs(dirty.flags) != __fls(dirty.flags)",
      by: "!dirty.flags",
    }],
    guards: ["type1/dirty-flags"],
  },
  {
    name: "tracking-never-starts",
    fault: "tracking is never noted to be on",
    edits: [{ in: "vfio_iommu_type1_dirty_pages", replace: "iommu->dirty_page_tracking = true;", by: ";" }],
    guards: ["type1/all-that-is-mapped-is-dirty"],
  },
  {
    name: "tracking-never-stops",
    fault: "STOP leaves tracking on",
    edits: [{
      in: "vfio_iommu_type1_dirty_pages",
      replace: "iommu->dirty_page_tracking = false;\n\t\t\tvfio_dma_bitmap_free_all(iommu);",
      by: "",
    }],
    guards: ["type1/all-that-is-mapped-is-dirty"],
  },
  {
    name: "bitmaps-not-freed",
    fault: "STOP leaves the bitmaps behind",
    edits: [{ in: "vfio_iommu_type1_dirty_pages", replace: "vfio_dma_bitmap_free_all(iommu);", by: "" }],
    guards: [],
    unreachable: "nobody but the kernel's memory debugging counts what is never freed",
  },
  {
    name: "bitmap-of-any-page-size",
    fault: "bits may stand for pages of any size",
    edits: [{
      in: "vfio_iommu_type1_dirty_pages",
      replace: "range.bitmap.pgsize != iommu_pgsize",
      by: "!iommu_pgsize",
    }],
    guards: ["type1/dirty-get-refused"],
  },
  {
    name: "no-bitmap-for-the-new",
    fault: "what is mapped while pages are tracked gets no bitmap",
    edits: [{ in: "vfio_dma_do_map", replace: "ret = vfio_dma_bitmap_alloc(dma, pgsize);", by: "ret = 0;" }],
    guards: ["type1/mapped-while-tracked"],
    verdict: "crash",
  },
  {
    name: "not-mapped-for-dirty",
    fault: "a mapping isn't known to be in the IOMMU",
    edits: [{ in: "vfio_pin_map_dma", replace: "dma->iommu_mapped = true;", by: "" }],
    guards: ["type1/all-that-is-mapped-is-dirty"],
  },
  {
    name: "promotion-without-dirty-pages",
    fault: "when a group leaves, not all is marked dirty",
    edits: [{
      in: "vfio_iommu_type1_detach_group",
      replace: "vfio_iommu_populate_bitmap_full(iommu);",
      by: ";",
    }],
    guards: [],
    unreachable: "the groups that stay make all dirty; with mediated devices alone it would show",
  },
  {
    name: "groups-that-cant-tell",
    fault: "a group that can't tell dirty pages is counted after it has left",
    edits: [{ in: "vfio_iommu_type1_detach_group", replace: "iommu->num_non_pinned_groups--;", by: ";" }],
    guards: [],
    unreachable: "all other groups can't tell either, unless they are of mediated devices",
  },
  {
    name: "vaddr-still-waits",
    fault: "a mapping that was given memory is waited for all the same",
    edits: [{ in: "vfio_dma_do_map", replace: "iommu->vaddr_invalid_count--;", by: ";" }],
    guards: ["type1/no-attach-while-one-of-two-waits"],
  },
  {
    name: "vaddr-given-twice",
    fault: "memory may be given to a mapping that has some",
    edits: [{
      in: "vfio_dma_do_map",
      replace: "!dma->vaddr_invalid || dma->iova != iova ||",
      by: "dma->iova != iova ||",
    }],
    guards: ["type1/vaddr-taken-and-given"],
  },
  {
    name: "vaddr-of-a-part",
    fault: "memory may be given to the first part of a mapping",
    edits: [{ in: "vfio_dma_do_map", replace: "dma->size != size) {", by: "!size) {" }],
    guards: ["type1/vaddr-taken-and-given"],
  },
  {
    name: "vaddr-and-access",
    fault: "memory is given and access asked for at once",
    edits: [{ in: "vfio_dma_do_map", replace: "(prot && set_vaddr) ||", by: "" }],
    guards: ["type1/vaddr-with-access"],
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
    name: "vaddr-taken-twice-counts",
    fault: "taking memory twice doesn't give back what the call took",
    edits: [{
      in: "vfio_dma_do_unmap",
      replace: "dma->vaddr_invalid = false;\n\t\t\t\t\tiommu->vaddr_invalid_count--;",
      by: ";",
    }],
    guards: ["type1/vaddr-taken-twice"],
  },
  {
    name: "vaddr-taken-twice-size",
    fault: "taking memory twice tells the size of what was given back",
    edits: [{ in: "vfio_dma_do_unmap", replace: "unmapped = 0;\n", by: ";\n" }],
    guards: [],
    unreachable: "a call that fails doesn't hand its size to the user",
  },
  {
    name: "charge-doesnt-move",
    fault: "the new owner of a mapping pays nothing",
    edits: [{ in: "vfio_change_dma_owner", replace: "if (mm == dma->mm)", by: "if (dma->mm)" }],
    guards: ["type1/vaddr-moves-the-charge"],
  },
  {
    name: "charged-twice",
    fault: "the old owner of a mapping goes on paying",
    edits: [{
      in: "vfio_change_dma_owner",
      replace: "mm_lock_acct(dma->task, dma->mm, dma->lock_cap, -npage);",
      by: "",
    }],
    guards: ["type1/vaddr-moves-the-charge"],
  },
  {
    name: "memory-unaligned",
    fault: "memory needn't be aligned",
    edits: [{ in: "vfio_dma_do_map", replace: "(size | iova | vaddr)", by: "(size | iova)" }],
    guards: ["seed/map-unaligned"],
  },
  {
    name: "memory-wraps",
    fault: "memory may run over the end of the address space",
    edits: [{ in: "vfio_dma_do_map", replace: "|| vaddr + size - 1 < vaddr", by: "" }],
    guards: ["deviations/map-that-wraps"],
  },
  {
    name: "budget-not-spent",
    fault: "MAP doesn't count against the budget",
    edits: [{ in: "vfio_dma_do_map", replace: "iommu->dma_avail--;", by: "" }],
    guards: ["seed/three-mappings-and-no-more"],
  },
  {
    name: "failed-mapping-stays",
    fault: "a mapping whose memory can't be pinned stays in the tree",
    edits: [{ in: "vfio_pin_map_dma", replace: "vfio_remove_dma(iommu, dma);", by: ";" }],
    guards: ["type1/up-to-the-limit"],
  },
  {
    name: "same-memory-again",
    fault: "every piece of a mapping gets the memory of its first",
    edits: [{ in: "vfio_pin_map_dma", replace: "vaddr + dma->size", by: "vaddr" }],
    guards: ["type1/a-bad-last-page", "dma/more-pages-than-are-pinned-at-a-time"],
  },
  {
    name: "not-coherent",
    fault: "mappings don't ask for coherent access",
    edits: [{ in: "vfio_iommu_map", replace: "prot | IOMMU_CACHE", by: "prot" }],
    guards: [],
    unreachable: "only a device's DMA would show it, on hardware that isn't coherent by itself",
  },
  {
    name: "list-against-the-start-missing",
    fault: "a mapping may begin right at the start of a range only beyond it",
    edits: [{ in: "vfio_iommu_iova_dma_valid", replace: "start >= node->start", by: "start > node->start" }],
    guards: ["seed/reported-is-enforced"],
  },
  {
    name: "empty-list-forbids",
    fault: "an empty list allows nothing",
    edits: [{ in: "vfio_iommu_iova_dma_valid", replace: "return list_empty(iova);", by: "return false;" }],
    guards: [],
    unreachable: "only containers of mediated devices have an empty list",
  },
  {
    name: "map-too-short",
    fault: "MAP reads a structure that is too short",
    edits: [{ in: "vfio_iommu_type1_map_dma", replace: "map.argsz < minsz", by: "!map.argsz" }],
    guards: ["seed/argsz-of-map"],
  },
  {
    name: "map-unknown-flags",
    fault: "MAP doesn't mind unknown flags",
    edits: [{ in: "vfio_iommu_type1_map_dma", replace: "map.flags & ~mask", by: "!mask" }],
    guards: ["seed/map-flags"],
  },
  {
    name: "unmap-unaligned",
    fault: "UNMAP takes an address in the middle of a page",
    edits: [{ in: "vfio_dma_do_unmap", replace: "if (iova & (pgsize - 1))", by: "if (!pgsize)" }],
    guards: ["seed/unmap-unaligned-where-nothing-is"],
  },
  {
    name: "unmap-all-with-a-size",
    fault: "unmapping all takes a size",
    edits: [{ in: "vfio_dma_do_unmap", replace: "if (iova || size)", by: "if (iova)" }],
    guards: ["seed/unmap-of-all"],
  },
  {
    name: "unmap-cuts-the-start",
    fault: "UNMAP of version 2 takes a mapping whose start it cuts off",
    edits: [{ in: "vfio_dma_do_unmap", replace: "dma && dma->iova != iova", by: "!iommu" }],
    guards: ["seed/v2-refuses-to-bisect"],
  },
  {
    name: "v1-cuts-the-start",
    fault: "UNMAP of version 1 takes a mapping whose start it cuts off",
    edits: [{ in: "vfio_dma_do_unmap", replace: "!iommu->v2 && iova > dma->iova", by: "!iommu" }],
    guards: ["seed/v1-starts-inside-a-mapping"],
  },
  {
    name: "unmap-only-the-first",
    fault: "UNMAP takes one mapping only",
    edits: [{
      in: "vfio_dma_do_unmap",
      replace: "vfio_remove_dma(iommu, dma);",
      by: "vfio_remove_dma(iommu, dma);\n break;",
    }],
    guards: ["seed/unmap-of-several"],
  },
  {
    name: "unmap-with-any-page-size",
    fault: "UNMAP takes a bitmap of any page size",
    edits: [{ in: "vfio_dma_do_unmap", replace: "(bitmap->pgsize != pgsize)", by: "!pgsize" }],
    guards: ["type1/unmap-with-bitmap-refused"],
  },
  {
    name: "unmap-in-spite-of-its-bitmap",
    fault: "UNMAP goes on when it can't write the bitmap",
    edits: [{ in: "vfio_dma_do_unmap", replace: "if (ret)\n\t\t\t\tbreak;", by: "" }],
    guards: ["type1/unmap-with-bitmap-fails-halfway"],
  },
  {
    name: "unmap-unknown-flags",
    fault: "UNMAP doesn't mind unknown flags",
    edits: [{ in: "vfio_iommu_type1_unmap_dma", replace: "unmap.flags & ~mask", by: "!mask" }],
    guards: ["seed/unmap-flags"],
  },
  {
    name: "unmap-all-with-bitmap",
    fault: "unmapping all takes a bitmap",
    edits: [{
      in: "vfio_iommu_type1_unmap_dma",
      replace: "(unmap.flags & (VFIO_DMA_UNMAP_FLAG_ALL |",
      by: "(unmap.flags & (",
    }],
    guards: [],
    unreachable: "a bitmap must have a bit for something, and unmapping all must have no size",
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
  {
    name: "fine-pages-unknown",
    fault: "the IOMMU is never found to join small pages",
    edits: [{ in: "vfio_test_domain_fgsp", replace: "domain->fgsp = true;", by: ";" }],
    guards: [],
    unreachable: "it only decides how many pages are unmapped at a time",
  },
  {
    name: "limit-of-mappings-ignored",
    fault: "dma_entry_limit has no effect",
    edits: [{
      in: "vfio_iommu_type1_open",
      replace: "iommu->dma_avail = dma_entry_limit;",
      by: "iommu->dma_avail = U16_MAX;",
    }],
    guards: ["seed/three-mappings-and-no-more"],
  },
  {
    name: "v2-is-v1",
    fault: "the newer type has the rules of the older",
    edits: [{ in: "vfio_iommu_type1_open", replace: "iommu->v2 = true;", by: "" }],
    guards: ["seed/v2-refuses-to-bisect"],
  },
  {
    name: "extension-as-a-type",
    fault: "an extension is taken for a type",
    edits: [{
      in: "vfio_iommu_type1_open",
      replace: "default:",
      by: "case VFIO_UNMAP_ALL:\n\t\tbreak;\n\tdefault:",
    }],
    guards: ["seed/set-iommu-of-no-known-type"],
  },
  {
    name: "release-without-unmapping",
    fault: "a container that is closed leaves its mappings",
    edits: [{ in: "vfio_iommu_type1_release", replace: "vfio_iommu_unmap_unpin_all(iommu);", by: "" }],
    guards: [],
    unreachable: "a container goes after its last group, which has taken the mappings along",
  },
  {
    name: "unmap-all-denied",
    fault: "UNMAP_ALL isn't said to be there",
    edits: [{ in: "vfio_iommu_type1_check_extension", replace: "case VFIO_UNMAP_ALL:", by: "" }],
    guards: ["seed/unmap-all-is-offered"],
  },
  {
    name: "vaddr-promised",
    fault: "VADDR is promised before there is an IOMMU",
    edits: [{
      in: "vfio_iommu_type1_check_extension",
      replace: "return iommu && !vfio_iommu_has_emulated(iommu);",
      by: "return 1;",
    }],
    guards: ["seed/extensions-of-an-empty-container"],
  },
  {
    name: "always-coherent",
    fault: "coherent DMA is promised whatever the domains say",
    edits: [{ in: "vfio_domains_have_enforce_cache_coherency", replace: "ret = 0;", by: ";" }],
    guards: ["seed/extensions-of-a-container-in-use"],
    machine: "virtio-iommu",
  },
  {
    name: "info-one-byte-short",
    fault: "capabilities that fit exactly are left out",
    edits: [{
      in: "vfio_iommu_type1_get_info",
      replace: "info.argsz < sizeof(info) + caps.size",
      by: "info.argsz <= sizeof(info) + caps.size",
    }],
    guards: ["seed/info-short-of-its-total"],
  },
  {
    name: "info-too-short",
    fault: "GET_INFO takes a structure that is too short",
    edits: [{ in: "vfio_iommu_type1_get_info", replace: "if (info.argsz < minsz)", by: "if (!info.argsz)" }],
    guards: ["seed/info-smaller-than-its-header"],
  },
  {
    name: "info-without-offset",
    fault: "nobody is told where the capabilities begin",
    edits: [{ in: "vfio_iommu_type1_get_info", replace: "info.cap_offset = sizeof(info);", by: "" }],
    guards: ["seed/info-short-of-its-total"],
  },
  {
    name: "migration-with-all-page-sizes",
    fault: "dirty pages are promised in all page sizes",
    edits: [{
      in: "vfio_iommu_migration_build_caps",
      replace: "(size_t)1 << __ffs(iommu->pgsize_bitmap)",
      by: "iommu->pgsize_bitmap",
    }],
    guards: ["seed/reported-is-enforced"],
  },
  {
    name: "budget-as-at-the-start",
    fault: "the budget that is told never falls",
    edits: [{
      in: "vfio_iommu_dma_avail_build_caps",
      replace: "= iommu->dma_avail;",
      by: "= dma_entry_limit;",
    }],
    guards: ["seed/three-mappings-and-no-more"],
  },
  {
    name: "last-range-untold",
    fault: "the last range isn't told",
    edits: [{
      in: "vfio_iommu_iova_build_caps",
      replace: "cap_iovas->nr_iovas = iovas;",
      by: "cap_iovas->nr_iovas = iovas - 1;",
    }],
    guards: ["seed/reported-is-enforced"],
  },
  {
    name: "ranges-without-their-last-byte",
    fault: "every range is told to end a byte early",
    edits: [{ in: "vfio_iommu_iova_build_caps", replace: "= iova->end;", by: "= iova->end - 1;" }],
    guards: ["seed/reported-is-enforced"],
  },
  {
    name: "pinned-without-access",
    fault: "a mediated device writes to what is mapped for reading",
    edits: [{ in: "vfio_iommu_type1_pin_pages", replace: "(dma->prot & prot) != prot", by: "!dma" }],
    guards: [],
    unreachable: "only mediated devices pin pages",
  },
  {
    name: "device-not-told",
    fault: "a mediated device isn't told of UNMAP",
    edits: [{
      in: "vfio_iommu_type1_register_device",
      replace: "list_add(&vdev->iommu_entry, &iommu->device_list);",
      by: "INIT_LIST_HEAD(&vdev->iommu_entry);",
    }],
    guards: [],
    unreachable: "only mediated devices wait for UNMAP",
  },
  ...DOMAIN_MUTANTS,
  ...DMA_MUTANTS,
];
