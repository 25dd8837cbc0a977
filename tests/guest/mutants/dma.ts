/** Faults of vfio_iommu_type1.c that no ioctl tells of: only what a device reaches is wrong. */
import { BOTH, type Mutant } from "./mutant.ts";

export const DMA_MUTANTS: readonly Mutant[] = [
  {
    name: "unmapped-for-the-books-only",
    fault: "UNMAP leaves the pages in the IOMMU",
    edits: [{
      in: "unmap_unpin_fast",
      replace: "iommu_unmap_fast(domain->domain, *iova, len,\n\t\t\t\t\t    iotlb_gather)",
      by: "len",
    }],
    guards: ["dma/unmapped-is-out-of-reach", "dma/two-groups-in-a-container"],
    kernels: BOTH,
  },
  {
    name: "unmapped-but-remembered",
    fault: "the IOMMU isn't told to forget what it has looked up",
    edits: [{ in: "vfio_sync_unpin", replace: "iommu_iotlb_sync(domain->domain, iotlb_gather);", by: ";" }],
    guards: ["dma/unmapped-is-out-of-reach", "dma/mapped-anew"],
  },
  {
    name: "pages-out-of-order",
    fault: "the first two pages of a piece are mapped in each other's place",
    edits: [{
      in: "vfio_iommu_map",
      replace: `ret = iommu_map(d->domain, iova, (phys_addr_t)pfn << PAGE_SHIFT,
				npage << PAGE_SHIFT, prot | IOMMU_CACHE,
				GFP_KERNEL_ACCOUNT);`,
      by: `{
        long swapped = npage < 2 ? 0 : 2;
        ret = 0;
        for (long i = 0; !ret && i < swapped; i++)
          ret = iommu_map(d->domain, iova + i * PAGE_SIZE, (phys_addr_t)(pfn + 1 - i) << PAGE_SHIFT,
                          PAGE_SIZE, prot | IOMMU_CACHE, GFP_KERNEL_ACCOUNT);
        if (!ret && npage > swapped)
          ret = iommu_map(d->domain, iova + swapped * PAGE_SIZE, (phys_addr_t)(pfn + swapped) << PAGE_SHIFT,
                          (npage - swapped) << PAGE_SHIFT, prot | IOMMU_CACHE, GFP_KERNEL_ACCOUNT);
      }`,
    }],
    guards: ["dma/a-huge-page", "dma/a-huge-page-off-its-bounds"],
  },
  {
    name: "always-writable",
    fault: "what is mapped for reading can be written",
    edits: [{ in: "vfio_iommu_map", replace: "prot | IOMMU_CACHE", by: "prot | IOMMU_CACHE | IOMMU_WRITE" }],
    guards: ["dma/read-only-cant-be-written", "dma/mapped-anew-with-less-access"],
    kernels: BOTH,
  },
  {
    name: "always-readable",
    fault: "what is mapped for writing can be read where the IOMMU could tell",
    edits: [{ in: "vfio_iommu_map", replace: "prot | IOMMU_CACHE", by: "prot | IOMMU_CACHE | IOMMU_READ" }],
    guards: ["dma/write-only-cant-be-read"],
    machine: "amd-iommu",
  },
  {
    name: "never-writable",
    fault: "what is mapped can only be read",
    edits: [{
      in: "vfio_iommu_map",
      replace: "prot | IOMMU_CACHE",
      by: "(prot & ~IOMMU_WRITE) | IOMMU_READ | IOMMU_CACHE",
    }],
    guards: ["dma/mapped-is-reached", "dma/shared-memory"],
  },
  {
    name: "replayed-for-reading",
    fault: "a new domain gets the mappings without the right to write",
    edits: [{
      in: "vfio_iommu_replay",
      replace: "dma->prot | IOMMU_CACHE",
      by: "IOMMU_READ | IOMMU_CACHE",
    }],
    guards: ["dma/replayed-into-a-second-domain", "dma/a-domain-ends"],
    kernels: BOTH,
  },
  {
    name: "replayed-for-writing",
    fault: "a new domain gets the mappings with every right",
    edits: [{
      in: "vfio_iommu_replay",
      replace: "dma->prot | IOMMU_CACHE",
      by: "IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE",
    }],
    guards: ["dma/replayed-into-a-second-domain"],
  },
];
