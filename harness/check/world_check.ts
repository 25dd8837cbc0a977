/** The world check: is the machine what it was predicted to be, before any scenario relies on it? */
import { positionText } from "../config.ts";
import { CannotTestError } from "../errors.ts";
import type { Guest } from "../guest/guest.ts";
import { GuestLost } from "../guest/guest_lost.ts";
import type { MachineGroup } from "../machine/predicted.ts";
import type { Group } from "../model/world.ts";
import type { WorldChecked } from "../report/events.ts";
import type { GuestNames } from "../scenario/action.ts";
import { parseScenarios, type Scenario } from "../scenario/scenario.ts";
import { assignGroups, type Target } from "./assignment.ts";
import type { Cast } from "./casting.ts";
import type { CellPlan } from "./cell_plan.ts";
import { membershipDifference } from "./memberships.ts";
import { parseReply } from "./observation.ts";
import { type Condition, execute, type Execution } from "./execution.ts";
import { predict } from "./prediction.ts";

/** PCI address of a device to the number of its group, which may be another when the device has been away. */
export type GroupNumbers = Map<string, number>;

/**
 * Gives the devices of all groups to vfio-pci and finds out which group each is in.
 * @throws CannotTestError when a device can't be had
 */
export async function takeDevices(guest: Guest, groups: readonly Group[]): Promise<GroupNumbers> {
  const devices = groups.flatMap((group) => group.devices);
  const replies = await guest.request(devices.map((device) => `bind ${device}`));
  return new Map(devices.map((device, index) => {
    const { errno, values } = parseReply(replies[index] ?? "");
    if (errno !== null) throw new CannotTestError(`vfio-pci could not take ${device}: ${errno}`);
    return [device, Number(values.group)];
  }));
}

/** How a scenario's groups are called in the guest. */
export const namesOf = (numbers: GroupNumbers, world: ReadonlyMap<string, Group>): GuestNames => ({
  groupNumber: (name) => numbers.get(deviceOf(world, name, 0)) ?? -1,
  device: (name, index = 0) => deviceOf(world, name, index),
});

const deviceOf = (world: ReadonlyMap<string, Group>, name: string, index: number): string =>
  world.get(name)?.devices[index] ?? "";

/**
 * Compares groups, reserved regions, page sizes and aperture with the prediction: sysfs for the first two, the
 * list after attaching each group alone for all but the first.
 * @param memberships the PCI addresses that are to share a group, of all groups but the board's own
 */
export async function checkWorld(
  guest: Pick<Guest, "ask" | "request" | "kernelLog">,
  target: Target,
  memberships: readonly (readonly string[])[],
  numbers: GroupNumbers,
  before: Condition,
): Promise<Execution> {
  const observed = Object.values(parseReply(await guest.ask("groups")).values);
  const difference = membershipDifference(memberships, observed);
  if (difference) return { verdict: "mismatch", actionText: "groups", difference };
  const scenario = worldScenario(target.groups);
  const assignment = assignGroups(scenario, target, castAsThemselves(target.groups));
  return await execute(
    guest,
    scenario,
    predict(scenario, assignment, target),
    namesOf(numbers, assignment.world),
    before,
  );
}

/** Every group as it is: scenarios may not get at some, which are to be what they were predicted to be all the same. */
const castAsThemselves = (groups: readonly MachineGroup[]): Cast => ({
  groups: new Map(groups.map((group, index) => [nameOf(index), group])),
  genuine: new Map(),
});

/** What the scenario of the world check calls a group of the machine. */
const nameOf = (index: number): string => `G${index}`;

/** The rule that the world check goes by. */
const WORLD_RULE = "§9, §10";

/**
 * What a world check came to, to be told.
 * @throws GuestLost where that could not be found out
 */
export function worldChecked(
  { id, machine }: Pick<CellPlan, "id" | "machine">,
  { verdict, difference, reason, console = [], actionText = "" }: Execution,
  durationMs: number,
): WorldChecked {
  const told = { type: "world-checked", cell: id, durationMs } as const;
  if (difference) {
    const position = positionText(machine.position);
    const failure = { step: 0, text: actionText, position, ...difference, rule: WORLD_RULE };
    return { ...told, verdict: "mismatch", failure };
  }
  if (verdict === "match" || verdict === "known") return { ...told, verdict: "match" };
  throw new GuestLost(
    verdict === "mismatch" ? "harness-fault" : verdict,
    `world check: ${reason}`,
    console,
  );
}

/** A scenario that attaches each group of the machine alone. */
export function worldScenario(groups: readonly MachineGroup[]): Scenario {
  const names = groups.map((_, index) => nameOf(index));
  const needs = groups.map(({ name, devices }, index) =>
    `  ${nameOf(index)}: { ${
      name === undefined ? `devices: ${devices.length === 1 ? "one" : "several"}` : `is: ${name}`
    } }`
  );
  const steps = names.flatMap((name) => [`  - attach: ${name}`, `  - detach: ${name}`]);
  const text = ["scenario: as-predicted", `rule: ${WORLD_RULE}`, "groups:", ...needs, "steps:", ...steps]
    .join(
      "\n",
    );
  const [scenario] = parseScenarios(text, "world", "world");
  if (!scenario) throw new RangeError("one document is one scenario");
  return scenario;
}
