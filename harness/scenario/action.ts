import type { Outcome, State } from "../model/state.ts";

/** How the guest calls what scenarios give names to. */
export interface GuestNames {
  /** Number of the IOMMU group, as in /dev/vfio/NUMBER. */
  groupNumber(group: string): number;
  /** PCI address of one of the group's devices; the first is 0. */
  device(group: string, index?: number): string;
}

/**
 * `mappings`: locked memory, budget, list and page sizes are read back. `groups`: the same, and every mapping
 * is shown to be still there.
 */
export type Changes = "nothing" | "mappings" | "groups";

/** One operation that the model predicts and the guest performs. */
export interface Action {
  /** What a person reads: `map c0 0x1000+0x1000 rw`. */
  readonly text: string;
  /** The model's rule. */
  apply(state: State): Outcome;
  /** The request that makes the probe do it. [guests/probe/PROTOCOL.md] */
  command(names: GuestNames): string;
  /** What it may change, and so what is read back and compared after it. */
  readonly changes: Changes;
}
