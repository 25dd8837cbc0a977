/** Groups come and go: the attach and detach of the type1 backend. [spec §2, §3] */
import { type Errno, type Refusal, refused, type RuleText } from "./answer.ts";
import {
  apertureConflicts,
  excludeReserved,
  refresh,
  reservedConflicts,
  resizeToAperture,
} from "./iova_list.ts";
import { leak } from "./locked_memory.ts";
import { conflictsWith, isHidden, overlookedConflict, rangeOf } from "./mappings.ts";
import { hull, overlaps, type Range, type RangeList, U64_MAX } from "./range_list.ts";
import type { ReservedRegion } from "./reserved.ts";
import { type Domain, entryOf, type State, type Type1 } from "./state.ts";
import type { Iommu } from "./world.ts";

/** What an attach leads to. The state carries what happened besides: consumed failures. */
export interface Attached {
  readonly state: State;
  readonly result: Refusal | { readonly type1: Type1; readonly rule: RuleText };
}

/** What a detach leads to. The state carries what happened besides: consumed failures, leaks. */
export interface Detached {
  readonly state: State;
  readonly type1: Type1;
  readonly rule: RuleText;
}

/** A backend without groups, as SET_IOMMU makes it. */
export const emptyType1 = (unmapRules: 1 | 2, mappingLimit: number, isNested = false): Type1 => ({
  unmapRules,
  isNested,
  domains: [],
  list: [],
  mappings: [],
  mappingLimit,
  tracksDirtyPages: false,
});

const iommuOf = (state: State, group: string): Iommu => entryOf(state.world, group).iommu;

/** What a domain of the backend translates for the group. */
export function apertureOf(state: State, { isNested }: Pick<Type1, "isNested">, group: string): Range {
  const { aperture, nesting } = iommuOf(state, group);
  return isNested && typeof nesting !== "string" ? nesting : aperture;
}

/**
 * Why a group may not leave its default domain: a device of it must always find its region mapped one to one, and
 * nothing that a user maps does that. Kernels that claim a group's DMA refuse then, others at the attach.
 * [spec §1.4 row 10, §2.1 row 7, §9.7]
 */
export function directRefusal({ semantics, world }: State, name: string): Errno | undefined {
  const { requiresDirect, iommu } = entryOf(world, name);
  if (!requiresDirect) return undefined;
  if (semantics.refusesDirectDevices) return "EINVAL";
  return iommu.locksDirectDevices ? "EPERM" : undefined;
}

/** Asks the core for the regions of a group, which fails with ENOMEM when a failure is due. */
function collectRegions(state: State, group: string): [State, readonly ReservedRegion[] | undefined] {
  const due = state.failingCollection;
  const after = due > 0 ? { ...state, failingCollection: due - 1 } : state;
  return [after, due === 1 ? undefined : entryOf(state.world, group).reserved];
}

/**
 * Adds a group. The list is worked out on a copy and installed only if nothing refuses the group, in the
 * order that decides which errno wins. [spec §2.1; kernel: vfio_iommu_type1_attach_group]
 *
 * @returns the new backend and what decided on it, or EBUSY (a mapping without vaddr), EINVAL (conflict, nothing left), ENOMEM
 * (regions not collected), EPERM (kept by its driver, interrupts not isolated), ERANGE (a mapping that the new
 * domain can't take), what the driver says of nesting; then the caller keeps the old one [spec §2.2]
 */
export function attachGroup(state: State, type1: Type1, group: string): Attached {
  const { isolatesInterrupts, nesting } = iommuOf(state, group);
  const aperture = apertureOf(state, type1, group);
  let overlooked: RuleText | undefined;
  const mapped = (range: Range) => {
    if (conflictsWith(state.semantics, type1, range)) return true;
    overlooked ??= overlookedConflict(state.semantics, type1, range);
    return false;
  };

  if (type1.mappings.some(({ isInvalid }) => isInvalid)) {
    return { state, result: refused("EBUSY", "§2.1 row 1") };
  }
  if (type1.isNested && typeof nesting === "string") {
    return { state, result: refused(nesting, "§2.1 row 6") };
  }
  const kept = directRefusal(state, group);
  if (kept !== undefined) return { state, result: refused(kept, "§2.1 row 7") };
  if (apertureConflicts(type1.list, aperture, mapped)) {
    return { state, result: refused("EINVAL", "§2.1 row 8") };
  }
  const [after, regions] = collectRegions(state, group);
  if (!regions) return { state: after, result: refused("ENOMEM", "§2.1 row 9") };
  if (reservedConflicts(regions, mapped)) return { state: after, result: refused("EINVAL", "§2.1 row 10") };
  const list = excludeReserved(resizeToAperture(type1.list, aperture), regions);
  if (list.length === 0) return { state: after, result: refused("EINVAL", "§2.1 row 13") };
  if (!isolatesInterrupts && !state.allowUnsafeInterrupts) {
    return { state: after, result: refused("EPERM", "§2.1 row 15") };
  }
  const domains = join(state, type1.domains, group);
  const isNew = domains.length > type1.domains.length;
  if (isNew && !canReplay(state, type1, iommuOf(state, group))) {
    return { state: after, result: refused("ERANGE", "§2.1 row 19") };
  }
  return { state: after, result: { type1: { ...type1, list, domains }, rule: overlooked ?? "§2.1 row 21" } };
}

/** Whether a new domain takes all mappings; those that the kernel can't see aren't tried. [spec §2.1 row 19, §2.7] */
const canReplay = ({ semantics }: State, { mappings }: Type1, iommu: Iommu): boolean =>
  !mappings.some((mapping) => !isHidden(semantics, mapping) && refuses(iommu, rangeOf(mapping)));

/** Whether some domain can't take a mapping of the range. [spec §4.2] */
export const isRefused = (state: State, { domains }: Type1, range: Range): boolean =>
  domains.some(({ groups }) => groups.some((group) => refuses(iommuOf(state, group), range)));

const refuses = (iommu: Iommu, range: Range): boolean =>
  iommu.refuses !== undefined && overlaps(iommu.refuses, range);

/** Puts the group into the first domain that takes it, or into one of its own. [spec §2.7] */
function join(state: State, domains: readonly Domain[], group: string): readonly Domain[] {
  const { name } = iommuOf(state, group);
  const index = domains.findIndex((domain) => domain.iommu === name);
  if (index < 0) return [{ iommu: name, groups: [group] }, ...domains];
  return domains.map((domain, at) =>
    at === index ? { ...domain, groups: [group, ...domain.groups] } : domain
  );
}

/**
 * Removes a group, which can't fail: where the refresh of the list does, the old list stays.
 * [spec §3.1; kernel: vfio_iommu_type1_detach_group]
 *
 * @returns the new backend, without groups it has no mappings either; and what decided on its list
 */
export function detachGroup(state: State, type1: Type1, group: string): Detached {
  const domains = type1.domains
    .map((domain) => ({ ...domain, groups: domain.groups.filter((name) => name !== group) }))
    .filter((domain) => domain.groups.length > 0);
  if (domains.length === 0) {
    return {
      state: leak(state, type1.mappings),
      type1: { ...type1, domains, mappings: [], stuck: undefined, tree: undefined, list: [] },
      rule: type1.mappings.some((mapping) => isHidden(state.semantics, mapping)) ? "§12 R1a" : "§3.1 row 4",
    };
  }
  const [after, regions] = collectAll(state, domains.flatMap((domain) => domain.groups));
  const domainDied = domains.length < type1.domains.length;
  const left = { ...type1, domains };
  if (!regions) return { state: after, type1: left, rule: "§3.1 row 6" };
  const { list, rule } = refreshed(state, left, regions, domainDied);
  return { state: after, type1: { ...left, list }, rule };
}

/**
 * The list that the groups which stay leave room for. Its ends are those that all apertures have in common. Kernels
 * work these out only when a domain died; otherwise they stay where the narrowed list had them. [spec §3.1, §3.3]
 */
function refreshed(
  state: State,
  left: Type1,
  regions: readonly ReservedRegion[],
  domainDied: boolean,
): { list: RangeList; rule: RuleText } {
  const whole = refresh(commonAperture(state, left), regions, left.list);
  const keepsEnds = !domainDied && state.semantics.deviations.has("sticky-edges");
  const ends = keepsEnds ? hull(left.list) : undefined;
  const list = ends ? refresh(ends, regions, left.list) : whole;
  if (list === left.list) return { list, rule: "§3.1 row 6" };
  const sticks = list[0]?.start !== whole[0]?.start || list.at(-1)?.last !== whole.at(-1)?.last;
  if (sticks) return { list, rule: "§3.3" };
  return { list, rule: domainDied ? "§3.1 rows 4 and 5" : "§3.1 row 5" };
}

/** The regions of all groups, or undefined when collecting one of them fails. */
function collectAll(state: State, groups: readonly string[]): [State, ReservedRegion[] | undefined] {
  const all: ReservedRegion[] = [];
  for (const group of groups) {
    const [after, regions] = collectRegions(state, group);
    state = after;
    if (!regions) return [state, undefined];
    all.push(...regions);
  }
  return [state, all];
}

/** The addresses that the domains of all groups translate. */
function commonAperture(state: State, type1: Type1): Range {
  const apertures = type1.domains.flatMap(({ groups }) =>
    groups.map((group) => apertureOf(state, type1, group))
  );
  return apertures.reduce(
    (common, { start, last }) => ({
      start: start > common.start ? start : common.start,
      last: last < common.last ? last : common.last,
    }),
    { start: 0n, last: U64_MAX },
  );
}

/** Page sizes that all domains offer. [spec §6.2] */
export const pageSizesOf = (state: State, { domains }: Type1): bigint =>
  domains.flatMap(({ groups }) => groups)
    .reduce((common, group) => common & iommuOf(state, group).pageSizes, U64_MAX);
