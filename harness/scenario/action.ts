import type { RangeList } from "../model/range_list.ts";
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

/** What the host does to the guest's machine: devices by their groups, the first is 0. */
export interface HostOperation {
  /** `ask-to-leave` waits for nothing, `await-leaving` until the device has left, `plug` until vfio-pci has it. */
  readonly kind: "ask-to-leave" | "await-leaving" | "plug";
  readonly group: string;
  readonly index: number;
}

/** One operation that the model predicts. */
interface Predictable {
  /** What a person reads: `map c0 0x1000+0x1000 rw`. */
  readonly text: string;
  /** The model's rule. */
  apply(state: State): Outcome;
  /** What it may change, and so what is read back and compared after it. */
  readonly changes: Changes;
  /** I/O addresses that it makes a device access; the kernel may log those of them that are refused. */
  readonly accesses?: RangeList;
}

/** One that the guest performs. */
export interface Action extends Predictable {
  /** The request that makes the probe do it. [guests/probe/PROTOCOL.md] */
  command(names: GuestNames): string;
}

/** One that the host performs. */
export interface HostAction extends Predictable {
  readonly host: HostOperation;
}

export type AnyAction = Action | HostAction;

/**
 * The request of an action that the guest performs.
 * @throws RangeError for one that it can't
 */
export function commandOf(action: AnyAction, names: GuestNames): string {
  if ("command" in action) return action.command(names);
  throw new RangeError(`${action.text} is for the host to do`);
}
