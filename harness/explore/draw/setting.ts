/** The worlds that nobody wrote down: groups, their regions, and the IOMMUs that they are behind. */
import { plainGroupOf } from "../../check/casting.ts";
import type { Target } from "../../check/assignment.ts";
import type { MachineGroup } from "../../machine/predicted.ts";
import { PAGE_SIZE } from "../../model/constants.ts";
import { type Range, rangeText, U64_MAX } from "../../model/range_list.ts";
import { RESERVED_KINDS, type ReservedKind } from "../../model/reserved.ts";
import { isFrom } from "../../model/semantics.ts";
import type { Group } from "../../model/world.ts";
import type { Setting, WrittenGroup } from "../sequence.ts";
import { QUICK_DEVICES } from "./dma.ts";
import { alignDown, HUGE_BYTES } from "./borders.ts";
import type { Random } from "./random.ts";

export const INJECTED_KINDS: readonly ReservedKind[] = RESERVED_KINDS;

const NAMES = ["A", "B", "C", "D"];

/** What a profile asks of the groups. */
export interface Wishes {
  /** More than one makes attaching worth the while. */
  readonly wantsGroups: boolean;
  /** At least one that moves data. */
  readonly wantsEngine: boolean;
}

/** A setting as it may be written; whether the machine has it is for others to see. */
export function drawSetting(
  random: Random,
  target: Target,
  haunts: readonly bigint[],
  wishes: Wishes,
): Setting {
  const own = plainGroupOf(target.groups);
  const chosen = drawGroups(random, target.groups, wishes);
  const names = NAMES.slice(0, chosen.length);
  const mayInject = target.lackOfModules === undefined;
  const borders = [...bordersOf(own), ...haunts];
  const places = drawPlaces(random, names);
  const groups = Object.fromEntries(
    names.map((name, index) => [name, {
      ...chosen[index],
      ...(mayInject && random.chance(60) ? { reserved: drawRegions(random, own, borders) } : {}),
      ...(places.has(name) ? { iommu: places.get(name)! } : {}),
    }]),
  );
  const described = [...new Set(places.values())].sort().map((name) =>
    [name, drawIommu(random, target, own, borders, haunts)] as const
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
  if (wishes.wantsEngine && quick.length > 0) take(random.oneOf(quick), true);
  const count = wishes.wantsGroups ? 2 + random.below(3) : 1 + random.below(2);
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

/** All that can be translated, in two halves, as one would have a length that doesn't fit 64 bits: nothing is left then. */
export function everything(
  { iommu: { aperture: { start, last } } }: Pick<Group, "iommu">,
  kind: () => ReservedKind,
): string[] {
  const middle = (start + last) / 2n;
  const halves = [{ start, last: middle }, { start: middle + 1n, last }];
  return halves.map((half) => `${rangeText(half)} ${kind()}`);
}

function drawRegions(random: Random, own: Group, borders: readonly bigint[]): string[] {
  if (random.chance(5)) return everything(own, () => random.oneOf(["reserved", "direct", "msi"]));
  const regions: string[] = [];
  const known = [...borders];
  for (let count = random.weighted([[4, 1], [3, 2], [2, 3], [1, 4]]); count > 0; count--) {
    const { start, last } = drawRange(random, known);
    if (last - start === U64_MAX) continue;
    known.push(start, last + 1n);
    regions.push(`${rangeText({ start, last })} ${random.oneOf(INJECTED_KINDS)}`);
  }
  return regions;
}

/** From or up to a border, over it, or beside it. */
function drawRange(random: Random, borders: readonly bigint[]): Range {
  const size = random.weighted<bigint>([
    [6, PAGE_SIZE],
    [2, 1n],
    [2, 16n * PAGE_SIZE],
    [2, HUGE_BYTES],
    [1, 0x800n],
    [1, PAGE_SIZE + 1n],
    [1, 1n << 32n],
  ]);
  const edge = random.oneOf(borders);
  const away = random.weighted<bigint>([
    [4, 0n],
    [4, -size],
    [1, -size - 1n],
    [2, -size / 2n],
    [2, PAGE_SIZE],
    [1, 1n],
    [1, -1n],
    [2, 4n * PAGE_SIZE],
  ]);
  const start = edge + away;
  const last = random.chance(5) ? U64_MAX : start + size - 1n;
  if (start < 0n) return { start: 0n, last: size - 1n };
  if (start > U64_MAX) return { start: U64_MAX - size + 1n, last: U64_MAX };
  return { start, last: last > U64_MAX ? U64_MAX : last };
}

/** Another IOMMU: real where the machine has one and nothing is wished, else one that has less than the machine's. */
function drawIommu(
  random: Random,
  target: Target,
  { iommu }: Group,
  borders: readonly bigint[],
  haunts: readonly bigint[],
): Readonly<Record<string, unknown>> {
  const { iommuKind, version } = target;
  const knowsCoherency = (iommuKind === "intel" || iommuKind === "amd") && isFrom(version, "6.1");
  // Where a new domain refuses a mapping, the unwind makes tables of an SMMU complain. [spec §19]
  const mayRefuse = iommuKind !== "smmuv3";
  return {
    ...(random.chance(60) ? { aperture: drawAperture(random, iommu.aperture, borders, haunts) } : {}),
    ...(random.chance(30) ? { "page-sizes": somePageSizes(random, iommu.pageSizes) } : {}),
    ...(knowsCoherency && random.chance(30) ? { coherent: random.chance(50) } : {}),
    ...(mayRefuse && random.chance(60)
      ? { refuses: drawRefused(random, haunts, refusedMost(iommuKind, iommu.aperture)) }
      : {}),
  };
}

/** A part of what the machine's own translates: up to somewhere, or from there on, so that two may have nothing in common. */
function drawAperture(
  random: Random,
  own: Range,
  borders: readonly bigint[],
  haunts: readonly bigint[],
): string {
  const inside = [...haunts, ...borders].filter((border) => own.start < border && border <= own.last);
  if (inside.length === 0) return rangeText(own);
  const odd = random.weighted<bigint>([[6, 0n], [1, 1n], [1, PAGE_SIZE]]);
  const some = random.chance(70) ? inside[0]! : random.oneOf(inside) + odd;
  const middle = some > own.last ? own.last : some;
  return rangeText(
    random.chance(50) ? { start: own.start, last: middle - 1n } : { start: middle, last: own.last },
  );
}

/** Some of its sizes, the smallest among them. */
function somePageSizes(random: Random, own: bigint): bigint {
  return (own & random.between(0n, U64_MAX)) | PAGE_SIZE;
}

/** The unwind ends old kernels with VT-d where the last table of its top level would be. [spec §19] */
const refusedMost = (iommuKind: string, { last }: Range): bigint =>
  iommuKind === "intel" ? last - (last + 1n) / TABLE_ENTRIES : U64_MAX;

const TABLE_ENTRIES = 512n;

function drawRefused(random: Random, haunts: readonly bigint[], most: bigint): string {
  const size = random.oneOf([16n, 512n]) * PAGE_SIZE;
  const from = alignDown(random.oneOf(haunts)) - random.oneOf([0n, 1n, 8n]) * PAGE_SIZE;
  const start = from < 0n || from > most - size ? 0n : from;
  return rangeText({ start, last: start + size - 1n });
}
