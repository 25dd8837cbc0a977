/** Groups come and go: the attach and detach of the type1 backend. [spec §2, §3] */
import type { Errno } from "./answer.ts";
import {
  apertureConflicts,
  excludeReserved,
  refresh,
  reservedConflicts,
  resizeToAperture,
} from "./iova_list.ts";
import { leak } from "./locked_memory.ts";
import { conflictsWith, isHidden, rangeOf } from "./mappings.ts";
import { hull, overlaps, type Range, U64_MAX } from "./range_list.ts";
import type { ReservedRegion } from "./reserved.ts";
import { type Domain, entryOf, type State, type Type1 } from "./state.ts";
import type { Iommu } from "./world.ts";

/** What an attach or a detach leads to. The state carries what happened besides: consumed failures, leaks. */
export interface Attached {
  readonly state: State;
  readonly result: Type1 | Errno;
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
 * @returns the new backend, or EBUSY (a mapping without vaddr), EINVAL (conflict, nothing left), ENOMEM
 * (regions not collected), EPERM (kept by its driver, interrupts not isolated), ERANGE (a mapping that the new
 * domain can't take), what the driver says of nesting; then the caller keeps the old one [spec §2.2]
 */
export function attachGroup(state: State, type1: Type1, group: string): Attached {
  const { isolatesInterrupts, nesting } = iommuOf(state, group);
  const aperture = apertureOf(state, type1, group);
  const mapped = (range: Range) => conflictsWith(state.semantics, type1, range);

  if (type1.mappings.some(({ isInvalid }) => isInvalid)) return { state, result: "EBUSY" };
  if (type1.isNested && typeof nesting === "string") return { state, result: nesting };
  const kept = directRefusal(state, group);
  if (kept !== undefined) return { state, result: kept };
  if (apertureConflicts(type1.list, aperture, mapped)) return { state, result: "EINVAL" };
  const [after, regions] = collectRegions(state, group);
  if (!regions) return { state: after, result: "ENOMEM" };
  if (reservedConflicts(regions, mapped)) return { state: after, result: "EINVAL" };
  const list = excludeReserved(resizeToAperture(type1.list, aperture), regions);
  if (list.length === 0) return { state: after, result: "EINVAL" };
  if (!isolatesInterrupts && !state.allowUnsafeInterrupts) return { state: after, result: "EPERM" };
  const domains = join(state, type1.domains, group);
  const isNew = domains.length > type1.domains.length;
  if (isNew && !canReplay(state, type1, iommuOf(state, group))) return { state: after, result: "ERANGE" };
  return { state: after, result: { ...type1, list, domains } };
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
 * @returns the new backend; without groups it has no mappings either
 */
export function detachGroup(state: State, type1: Type1, group: string): { state: State; type1: Type1 } {
  const domains = type1.domains
    .map((domain) => ({ ...domain, groups: domain.groups.filter((name) => name !== group) }))
    .filter((domain) => domain.groups.length > 0);
  if (domains.length === 0) {
    return {
      state: leak(state, type1.mappings),
      type1: { ...type1, domains, mappings: [], stuck: undefined, tree: undefined, list: [] },
    };
  }
  const [after, regions] = collectAll(state, domains.flatMap((domain) => domain.groups));
  const domainDied = domains.length < type1.domains.length;
  const list = regions
    ? refresh(refreshEnds(state, { ...type1, domains }, domainDied), regions, type1.list)
    : type1.list;
  return { state: after, type1: { ...type1, domains, list } };
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

/**
 * From where to where a refreshed list reaches: what all remaining apertures have in common. Kernels work
 * this out only when a domain died; otherwise the ends stay where the narrowed list had them. [spec §3.3]
 */
function refreshEnds(state: State, type1: Type1, domainDied: boolean): Range {
  const ends = hull(type1.list);
  if (ends && !domainDied && state.semantics.deviations.has("sticky-edges")) return ends;
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
