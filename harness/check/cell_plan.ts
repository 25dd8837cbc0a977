/** What a cell is: one kernel, one QEMU, one machine, and what is to be played there. */
import type { GuestLimits } from "../guest/guest.ts";
import type { QemuPlan } from "../guest/qemu_process.ts";
import type { Machine } from "../machine/machine.ts";
import type { KernelVersion } from "../model/version.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Explain } from "./attempt.ts";
import type { OwnTable } from "./firmware_tables.ts";

/** What a guest is started with, and what it must then show. */
export interface GuestPlan extends QemuPlan {
  /** Tables of firmware that it has otherwise than QEMU makes them. */
  readonly tables?: readonly OwnTable[];
}

/** Everything that a cell needs, ready to go. */
export interface CellPlan {
  readonly id: string;
  readonly kernelSpec: string;
  readonly kernelVersion: KernelVersion;
  readonly kernelOptions: { has(option: string): boolean };
  /** Why its guests have none of the modules in guests/, if so. */
  readonly lackOfModules?: string | undefined;
  readonly qemuSpec: string;
  readonly qemuVersion: KernelVersion;
  readonly machine: Machine;
  readonly scenarios: readonly Scenario[];
  /** Whether what the kernel's version is known to do wrong counts as a mismatch. */
  readonly ignoresDeviations?: boolean;
  /** Why this cell can't be, where it can't. */
  readonly skip?: string;
  readonly artifactsDir: string;
  readonly limits: GuestLimits;
  /** How often a scenario that failed is played again, each time on a fresh guest. */
  readonly retries: number;
  /** Says in words what decided a prediction; left out, that is told by its name in the specification. */
  readonly explain?: Explain;
  /** What QEMU is to be started with, into a folder for its logs. */
  guestPlan(artifactsDir: string): Promise<GuestPlan>;
  /** The one command that runs a scenario of this cell again. */
  again(scenario: string): string;
  /** The one command that plays a scenario file again: where it was found, or here. */
  replay(file: string, where?: "found" | "here"): string;
  /** The one command that explores this cell again, with further options. */
  explore(options: readonly string[]): string;
}
