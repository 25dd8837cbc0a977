/** A booted guest that has shown what it is, ready for scenarios. */
import { join } from "node:path";
import { CannotTestError } from "../errors.ts";
import { complains, excerpt } from "../guest/console.ts";
import { Guest } from "../guest/guest.ts";
import { compareVersions, type KernelVersion, parseVersion, versionText } from "../model/version.ts";
import type { Group } from "../model/world.ts";
import type { CellPlan, GuestPlan } from "./cell_plan.ts";
import { type Condition, conditionOf } from "./execution.ts";
import { requireTable } from "./firmware_tables.ts";
import { type GroupNumbers, takeDevices } from "./world_check.ts";

export interface ReadyGuest {
  readonly guest: Guest;
  readonly numbers: GroupNumbers;
  condition: Condition;
}

/** Dispose of its guest when it is of no more use. */
export interface BootedGuest extends ReadyGuest {
  readonly accelerator: string;
  /** What the kernel complained about on the way, if it did. */
  readonly complaint?: string;
}

export interface BootOptions {
  readonly groups: readonly Group[];
  /** Which of the cell's guests it is, from 1; its logs go into the folder `guest-N`. */
  readonly number: number;
  /** Aborted, the guest ends at once. */
  readonly signal: AbortSignal;
  /** What is to be otherwise than the cell has it. */
  readonly otherwise?: Partial<GuestPlan>;
  /** Told before it is started. */
  readonly onStart?: (plan: GuestPlan) => unknown;
}

/**
 * Boots a guest of a cell, makes sure that it is the one that was meant, and gives the devices of its groups to vfio-pci.
 * @throws CannotTestError, GuestLost
 */
export async function bootReady(
  cell: CellPlan,
  { groups, number, signal, otherwise = {}, onStart }: BootOptions,
): Promise<BootedGuest> {
  const artifactsDir = join(cell.artifactsDir, `guest-${number}`);
  await Deno.mkdir(artifactsDir, { recursive: true });
  const plan = { ...await cell.guestPlan(artifactsDir), ...otherwise };
  onStart?.(plan);
  await using resources = new AsyncDisposableStack();
  const guest = resources.use(await Guest.boot(plan, cell.limits, signal));
  const booted = await makeReady(guest, plan, cell.kernelVersion, groups);
  resources.move();
  return booted;
}

async function makeReady(
  guest: Guest,
  { tables = [], accelerator }: GuestPlan,
  version: KernelVersion,
  groups: readonly Group[],
): Promise<BootedGuest> {
  const failed = guest.greeting.modulesFailed;
  if (failed.length > 0) throw new CannotTestError(`the guest could not load ${failed.join(", ")}`);
  requireVersion(guest, version);
  for (const table of tables) await requireTable(guest, table);
  const numbers = await takeDevices(guest, groups);
  const condition = conditionOf(await guest.ask("reset"));
  const log = await guest.kernelLog();
  const ready = { guest, numbers, condition, accelerator };
  return complains(log) ? { ...ready, complaint: excerpt(log).join("\n") } : ready;
}

/**
 * Debian's kernels tell their upstream version only in `uname -v`. [spec §0]
 * @throws CannotTestError when the guest runs another kernel than the one that was meant
 */
function requireVersion({ greeting: { version, release } }: Guest, meant: KernelVersion): void {
  const [, debian] = /Debian (\d+\.\d+\.\d+)/.exec(version) ?? [];
  const running = parseVersion(debian ?? release);
  if (running && compareVersions(running, meant) === 0) return;
  throw new CannotTestError(`the guest runs ${release} (${version}), not ${versionText(meant)}`);
}
