/** Smallest page of every IOMMU here, and of the CPU. */
export const PAGE_SIZE = 4096n;
