/** What a mutant of vfio_iommu_type1 is: a fault that somebody could make, and the scenarios that are there to find it. */
import type { Edit } from "../mutant.ts";

/** A machine of configs/machines on which mutants are tried. */
export type MachineName = "intel-iommu" | "amd-iommu" | "virtio-iommu" | "amd-ivmd";

export interface Mutant {
  readonly name: string;
  /** What is wrong with it. */
  readonly fault: string;
  readonly edits: readonly Edit[];
  /** Scenarios that guard the rule: each must fail. */
  readonly guards: readonly string[];
  /** Why no scenario can see the fault on a stock guest. Instead of guards: then all must pass. */
  readonly unreachable?: string;
  /** Where the fault shows; on VT-d, if nothing else is said. */
  readonly machine?: MachineName;
  /** Which kernels it is made from; by default the newest of them. */
  readonly kernels?: readonly string[];
}

/** For faults of code that has changed between them. */
export const BOTH = ["debian:6.1", "debian:6.12"];
