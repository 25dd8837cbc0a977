/** What has to hold between the states before and after a step. */
import { isDeepStrictEqual } from "node:util";
import type { Answer } from "../../harness/model/answer.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { brokenInvariants } from "../../harness/model/invariants.ts";
import { contains, type RangeList, rangeListText } from "../../harness/model/range_list.ts";
import { entryOf, type State } from "../../harness/model/state.ts";
import { PAGE_BYTES, UNIT_BYTES } from "./random_worlds.ts";
import type { Step } from "./random_steps.ts";
import { ADDRESSES, listOf } from "./small_space.ts";

/** One step as it happened. */
export interface Move {
  readonly before: State;
  readonly step: Step;
  readonly after: State;
  readonly answer: Answer;
  readonly base: bigint;
}

/** Says in words what is wrong, or nothing. */
export type Rule = (move: Move) => string | undefined;

/** [spec §15] */
export const invariantsHold: Rule = ({ after }) => brokenInvariants(after)[0];

/** What a user of the kernel can see: not how its tree of mappings is balanced. */
const visible = (state: State): State => ({
  ...state,
  containers: new Map(
    [...state.containers].map(([key, container]) => [
      key,
      container.type1 ? { ...container, type1: { ...container.type1, tree: undefined } } : container,
    ]),
  ),
});

/** A refusal may use up an injected failure and turn the tree of mappings, and does nothing else. [spec §2.2] */
export const refusalChangesNothing: Rule = ({ before, after, answer }) => {
  if (answer.errno === null) return undefined;
  const { failingCollection } = before;
  return isDeepStrictEqual({ ...visible(after), failingCollection }, visible(before))
    ? undefined
    : `${answer.errno}, but something changed`;
};

/** Each range of `inner` lies in one range of `outer`. */
const isPartOf = (inner: RangeList, outer: RangeList): boolean =>
  inner.every((range) => outer.some((other) => contains(other, range)));

const listsOf = ({ before, after }: Move): [RangeList, RangeList][] =>
  [...after.containers].flatMap(([key, { type1 }]): [RangeList, RangeList][] => {
    const old = before.containers.get(key)?.type1;
    return old && type1 ? [[old.list, type1.list]] : [];
  });

/** [spec §2.2] */
export const attachNeverWidens: Rule = (move) => {
  if (move.step.do !== "set-container") return undefined;
  const bad = listsOf(move).find(([old, now]) => !isPartOf(now, old));
  return bad && `attach made ${rangeListText(bad[1])} of ${rangeListText(bad[0])}`;
};

const LEAVES: readonly Step["do"][] = ["unset-container", "group-close", "device-close", "unplug"];

/** [spec §3.1] */
export const detachNeverNarrows: Rule = (move) => {
  if (!LEAVES.includes(move.step.do)) return undefined;
  const bad = listsOf(move).find(([old, now]) => !isPartOf(old, now));
  return bad && `detach made ${rangeListText(bad[1])} of ${rangeListText(bad[0])}`;
};

/** Nothing but an attach or a detach touches a list. */
export const otherStepsKeepTheList: Rule = (move) => {
  if (move.step.do === "set-container" || LEAVES.includes(move.step.do)) return undefined;
  const bad = listsOf(move).find(([old, now]) => old !== now);
  return bad && `${move.step.do} made ${rangeListText(bad[1])} of ${rangeListText(bad[0])}`;
};

/** Every page of every mapping is charged, and nothing else. [spec §8] */
export const lockedIsMapped: Rule = ({ after }) => {
  const mappings = [...after.containers.values()].flatMap(({ type1 }) => type1?.mappings ?? []);
  const pages = mappings.reduce((sum, { size }) => sum + size / PAGE_BYTES, 0n);
  return lockedPages(after) === pages ? undefined : `${lockedPages(after)} locked, ${pages} mapped`;
};

/**
 * The list is a function of which groups are attached, whatever came before: every unit of the space that
 * all apertures hold and no region that is not relaxable does. Counted address by address, without any of
 * the model's own arithmetic.
 */
export const listFollowsFromGroups: Rule = ({ after, base }) => {
  for (const { groups, type1 } of after.containers.values()) {
    if (!type1) continue;
    const space = Array.from({ length: ADDRESSES }, (_, unit) => {
      const address = base + BigInt(unit) * UNIT_BYTES;
      return groups.every((name) => mayUse(after, name, address));
    });
    const wanted = listOf(space).map(({ start, last }) => ({
      start: base + start * UNIT_BYTES,
      last: base + (last + 1n) * UNIT_BYTES - 1n,
    }));
    if (rangeListText(type1.list) !== rangeListText(wanted)) {
      return `list of ${groups} is ${rangeListText(type1.list)}, not ${rangeListText(wanted)}`;
    }
  }
  return undefined;
};

function mayUse(state: State, group: string, address: bigint): boolean {
  const { iommu, reserved } = entryOf(state.world, group);
  const at = { start: address, last: address };
  return contains(iommu.aperture, at) &&
    !reserved.some((region) => region.kind !== "direct-relaxable" && contains(region, at));
}

/** A device whose firmware must find its region mapped gets no domain that doesn't map it. [spec §9.2, §9.7] */
export const directDevicesStay: Rule = ({ after }) => {
  const { version } = after.semantics;
  const isStrict = version.major > 6 || (version.major === 6 && version.minor >= 6);
  for (const { groups, type1 } of after.containers.values()) {
    const kept = groups.find((name) => {
      const { requiresDirect, iommu } = entryOf(after.world, name);
      return requiresDirect && (isStrict || (type1 && iommu.locksDirectDevices));
    });
    if (kept !== undefined) return `${kept} is in a container`;
  }
  return undefined;
};

/** What some domain of the container can't hold isn't mapped, whichever came first. [spec §2.1 row 19, §4.2] */
export const allDomainsHoldAllMappings: Rule = ({ after }) => {
  for (const { groups, type1 } of after.containers.values()) {
    for (const name of type1 ? groups : []) {
      const { refuses } = entryOf(after.world, name).iommu;
      const bad = type1?.mappings.find(({ iova, size }) =>
        refuses && iova <= refuses.last && refuses.start < iova + size
      );
      if (bad) return `0x${bad.iova.toString(16)} is mapped, which ${name}'s IOMMU refuses`;
    }
  }
  return undefined;
};

/** Hold in every mode. */
export const ALWAYS: Readonly<Record<string, Rule>> = {
  directDevicesStay,
  refusalChangesNothing,
  attachNeverWidens,
  otherStepsKeepTheList,
};

/** Hold when the model does what is right. */
export const WHEN_RIGHT: Readonly<Record<string, Rule>> = {
  ...ALWAYS,
  invariantsHold,
  allDomainsHoldAllMappings,
  detachNeverNarrows,
  lockedIsMapped,
};

/** Hold when, besides, no failure was injected. */
export const WITHOUT_FAILURES: Readonly<Record<string, Rule>> = { ...WHEN_RIGHT, listFollowsFromGroups };
