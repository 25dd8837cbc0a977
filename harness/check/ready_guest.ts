/** A booted guest that has shown what it is, ready for scenarios. */
import { CannotTestError } from "../errors.ts";
import { complains, excerpt } from "../guest/console.ts";
import type { Guest } from "../guest/guest.ts";
import { compareVersions, type KernelVersion, parseVersion, versionText } from "../model/version.ts";
import type { Group } from "../model/world.ts";
import type { GuestPlan } from "./cell_plan.ts";
import { type Condition, conditionOf } from "./execution.ts";
import { requireTable } from "./firmware_tables.ts";
import { type GroupNumbers, takeDevices } from "./world_check.ts";

export interface ReadyGuest {
  readonly guest: Guest;
  readonly numbers: GroupNumbers;
  condition: Condition;
}

/**
 * Makes sure that a guest is the one that was meant, and gives the devices of its groups to vfio-pci.
 * @returns with what the kernel complained about on the way, if it did
 * @throws CannotTestError, GuestLost
 */
export async function makeReady(
  guest: Guest,
  { tables = [] }: GuestPlan,
  version: KernelVersion,
  groups: readonly Group[],
): Promise<{ ready: ReadyGuest; complaint?: string }> {
  const failed = guest.greeting.modulesFailed;
  if (failed.length > 0) throw new CannotTestError(`the guest could not load ${failed.join(", ")}`);
  requireVersion(guest, version);
  for (const table of tables) await requireTable(guest, table);
  const numbers = await takeDevices(guest, groups);
  const condition = conditionOf(await guest.ask("reset"));
  const log = await guest.kernelLog();
  const ready = { guest, numbers, condition };
  return complains(log) ? { ready, complaint: excerpt(log).join("\n") } : { ready };
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
