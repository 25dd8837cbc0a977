import type { Outcome, State } from "../model/state.ts";

/** How the guest calls what scenarios give names to. */
export interface GuestNames {
  /** Number of the IOMMU group, as in /dev/vfio/NUMBER. */
  groupNumber(group: string): number;
  /** PCI address of the group's first device. */
  device(group: string): string;
}

/** One operation that the model predicts and the guest performs. */
export interface Action {
  /** What a person reads: `map c0 0x1000+0x1000 rw`. */
  readonly text: string;
  /** The model's rule. */
  apply(state: State): Outcome;
  /** The request that makes the probe do it. [guests/probe/PROTOCOL.md] */
  command(names: GuestNames): string;
  /** Whether everything is to be read back and compared after it. */
  readonly changes: boolean;
}
