/** Faults in what a container tells of itself, and in how it begins and ends. */
import type { Mutant } from "./mutant.ts";

export const CONTAINER_MUTANTS: readonly Mutant[] = [
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
];
