/** Worlds that nobody wrote down: groups with regions, behind one IOMMU or several. */
import { plainGroupOf } from "../../check/casting.ts";
import type { Target } from "../../check/assignment.ts";
import type { MachineGroup } from "../../machine/predicted.ts";
import { U64_MAX } from "../../model/range_list.ts";
import type { Group } from "../../model/world.ts";
import type { Setting, WrittenGroup } from "../sequence.ts";
import { QUICK_DEVICES } from "./dma.ts";
import { drawIommu } from "./further_iommu.ts";
import type { Profile } from "./profile.ts";
import type { Random } from "./random.ts";
import { drawRegions } from "./regions.ts";

const NAMES = ["A", "B", "C", "D"];

/** What a profile asks of the groups. */
export type Wishes = Pick<Profile, "hasManyGroups" | "hasEngine">;

/** A setting as it may be written; whether the machine has it is for others to see. */
export function drawSetting(
  random: Random,
  target: Target,
  meetingAddresses: readonly bigint[],
  wishes: Wishes,
): Setting {
  const own = plainGroupOf(target.groups);
  const chosen = drawGroups(random, target.groups, wishes);
  const names = NAMES.slice(0, chosen.length);
  const mayInject = target.lackOfModules === undefined;
  const borders = [...bordersOf(own), ...meetingAddresses];
  const places = drawPlaces(random, names);
  const groups = Object.fromEntries(
    names.map((name, index) => [name, {
      ...chosen[index],
      ...(mayInject && random.chance(60) ? { reserved: drawRegions(random, own, borders, index > 0) } : {}),
      ...(places.has(name) ? { iommu: places.get(name)! } : {}),
    }]),
  );
  const described = [...new Set(places.values())].sort().map((name) =>
    [name, drawIommu(random, target, own, borders, meetingAddresses)] as const
  );
  return {
    groups,
    ...(described.length > 0 ? { iommus: Object.fromEntries(described) } : {}),
    ...(random.chance(25) ? { "allow-unsafe-interrupts": random.chance(70) } : {}),
    ...(mayInject && isOrderFree(groups) && random.chance(20) ? { "list-order": "as-written" as const } : {}),
  };
}

/** What every machine has. */
export const plainSetting = ({ groups }: Target): Setting => ({
  groups: { A: needsOf(plainGroupOf(groups)) },
});

/** Of a hundred settings with several groups so many have further IOMMUs. */
const FAR_PERCENT = 40;

/** Which groups are behind IOMMUs other than the machine's own. */
function drawPlaces(random: Random, names: readonly string[]): ReadonlyMap<string, string> {
  if (names.length < 2 || !random.chance(FAR_PERCENT)) return new Map();
  return new Map(
    names.flatMap((name) => {
      const place = random.weighted([[2, undefined], [4, "far"], [3, "farther"]]);
      return place === undefined ? [] : [[name, place] as const];
    }),
  );
}

/** Where a machine's group has its own borders. */
function bordersOf({ iommu: { aperture }, reserved }: Group): bigint[] {
  return [aperture, ...reserved, { start: 0n, last: U64_MAX }].flatMap((
    { start, last },
  ) => [start, last + 1n]);
}

/** Of a hundred groups so many are one with something special about it, where the machine has any. */
const SPECIAL_PERCENT = 30;

/** Some of the machine's groups, as scenarios ask for them. */
function drawGroups(random: Random, groups: readonly MachineGroup[], wishes: Wishes): WrittenGroup[] {
  const left = [...groups];
  const chosen: WrittenGroup[] = [];
  const take = (group: MachineGroup, isByKind: boolean) => {
    left.splice(left.indexOf(group), 1);
    chosen.push(needsOf(group, isByKind));
  };
  const quick = left.filter(({ name, kinds: [kind = ""] }) =>
    name === undefined && QUICK_DEVICES.includes(kind)
  );
  if (wishes.hasEngine && quick.length > 0) take(random.oneOf(quick), true);
  const count = wishes.hasManyGroups ? 2 + random.below(3) : 1 + random.below(2);
  while (chosen.length < count && left.length > 0) {
    const isSpecial = random.chance(SPECIAL_PERCENT);
    const wanted = left.filter(({ name }) => (name !== undefined) === isSpecial);
    take(random.oneOf(wanted.length > 0 ? wanted : left), random.chance(15));
  }
  return chosen;
}

/** How a scenario asks for such a group. */
function needsOf({ name, devices, kinds: [kind] }: MachineGroup, isByKind = false): WrittenGroup {
  return {
    ...(name === undefined ? {} : { is: name }),
    ...(devices.length > 1 ? { devices: "several" } : {}),
    ...(isByKind && name === undefined && kind !== undefined ? { device: kind } : {}),
  };
}

/**
 * Where a kernel collects the regions of several groups into one list it relies on their order: regions in another one
 * can vanish. [spec §19]
 */
const isOrderFree = (groups: Readonly<Record<string, WrittenGroup>>): boolean =>
  Object.keys(groups).length <= 2;
