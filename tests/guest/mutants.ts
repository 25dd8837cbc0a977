/** Faults that somebody could make in vfio_iommu_type1.c, by what is wrong with it then. */
import { CONTAINER_MUTANTS } from "./mutants/container.ts";
import { DIRTY_MUTANTS } from "./mutants/dirty.ts";
import { DMA_MUTANTS } from "./mutants/dma.ts";
import { DOMAIN_MUTANTS } from "./mutants/domains.ts";
import { GROUP_MUTANTS } from "./mutants/groups.ts";
import { MAPPING_MUTANTS } from "./mutants/mapping.ts";
import { MEMORY_MUTANTS } from "./mutants/memory.ts";
import type { Mutant } from "./mutants/mutant.ts";

export const MUTANTS: readonly Mutant[] = [
  ...GROUP_MUTANTS,
  ...MAPPING_MUTANTS,
  ...MEMORY_MUTANTS,
  ...DIRTY_MUTANTS,
  ...CONTAINER_MUTANTS,
  ...DOMAIN_MUTANTS,
  ...DMA_MUTANTS,
];
