/** Faults in the tracking of dirty pages. */
import type { Mutant } from "./mutant.ts";

export const DIRTY_MUTANTS: readonly Mutant[] = [
  {
    name: "pages-not-marked-dirty",
    fault: "a page that a device may have written isn't marked so",
    edits: [{ in: "put_pfn", replace: "prot & IOMMU_WRITE", by: "false" }],
    guards: [],
    unreachable: "it shows in files and swap only, and only where a device writes",
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
    name: "unmap-in-spite-of-its-bitmap",
    fault: "UNMAP goes on when it can't write the bitmap",
    edits: [{ in: "vfio_dma_do_unmap", replace: "if (ret)\n\t\t\t\tbreak;", by: "" }],
    guards: ["type1/unmap-with-bitmap-fails-halfway"],
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
];
