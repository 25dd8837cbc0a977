/** Faults that a kernel could have, put upon the model from outside. Each names the rule that must see it. */
import { answerText, ok } from "../../harness/model/answer.ts";
import { excludeReserved } from "../../harness/model/iova_list.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import type { RangeList } from "../../harness/model/range_list.ts";
import {
  entryOf,
  MAIN_SPACE,
  type Outcome,
  type State,
  type Type1,
  withEntry,
} from "../../harness/model/state.ts";
import type { Fault } from "./random_run.ts";
import { execute } from "./random_steps.ts";
import type { Move } from "./rules.ts";

export interface SeededFault {
  readonly seenBy: string;
  readonly fault: Fault;
}

const asItWas = ({ after: state, answer }: Move): Outcome => ({ state, answer });

/** The state with the backend of one container changed. */
function withType1(state: State, key: string, change: (type1: Type1) => Type1): State {
  const container = state.containers.get(key);
  if (!container?.type1) return state;
  const changed = { ...container, type1: change(container.type1) };
  return { ...state, containers: withEntry(state.containers, key, changed) };
}

const isAttach = ({ step, answer }: Move): boolean =>
  answer.errno === null && (step.do === "set-container" || step.do === "set-iommu");

/** Changes every list after an attach that succeeded. */
const afterAttach = (change: (list: RangeList, move: Move, key: string) => RangeList): Fault => (move) => {
  if (!isAttach(move)) return asItWas(move);
  let state = move.after;
  for (const key of state.containers.keys()) {
    state = withType1(state, key, (type1) => ({ ...type1, list: change(type1.list, move, key) }));
  }
  return { state, answer: move.answer };
};

/** Changes the list of a container that a group has left. */
const afterDetach = (change: (list: RangeList, old: RangeList) => RangeList): Fault => (move) => {
  let state = move.after;
  for (const [key, { groups, type1: old }] of move.before.containers) {
    if (groups.length === state.containers.get(key)?.groups.length || !old) continue;
    state = withType1(state, key, (type1) => ({ ...type1, list: change(type1.list, old.list) }));
  }
  return { state, answer: move.answer };
};

/** What would happen to a refused attach if no mapping were in its way. */
const skipConflictCheck: Fault = (move) => {
  const { before, step, answer, base } = move;
  if (step.do !== "set-container" || answerText(answer) !== "EINVAL") return asItWas(move);
  const mappings = before.containers.get(step.container)?.type1?.mappings ?? [];
  const unmapped = withType1(before, step.container, (type1) => ({ ...type1, mappings: [] }));
  const attached = execute(unmapped, step, base);
  if (mappings.length === 0 || !attached || attached.answer.errno !== null) return asItWas(move);
  return {
    state: withType1(attached.state, step.container, (type1) => ({ ...type1, mappings })),
    answer: ok(),
  };
};

/** A refused attach leaves the list cut: the work was done on the live list. */
const noRollback: Fault = (move) => {
  const { after, step, answer } = move;
  if (step.do !== "set-container" || answer.errno === null) return asItWas(move);
  const { reserved } = entryOf(after.world, step.group);
  return {
    state: withType1(after, step.container, (type1) => ({
      ...type1,
      list: excludeReserved(type1.list, reserved),
    })),
    answer,
  };
};

/** A group whose firmware wants it where it is goes all the same. */
const giveDirectDevicesAway: Fault = (move) => {
  const { before, step, answer, base } = move;
  if (step.do !== "set-container" || answer.errno === null) return asItWas(move);
  const freed = { ...entryOf(before.world, step.group), requiresDirect: false };
  const outcome = execute({ ...before, world: withEntry(before.world, step.group, freed) }, step, base);
  return outcome ? { ...outcome, state: { ...outcome.state, world: before.world } } : asItWas(move);
};

/** The group joins a shared domain and is not recorded there. */
const forgetTheGroup: Fault = (move) => {
  const { after, step, answer } = move;
  if (step.do !== "set-container" || answer.errno !== null) return asItWas(move);
  const state = withType1(after, step.container, (type1) => ({
    ...type1,
    domains: type1.domains.map((domain) =>
      domain.groups.length > 1 ? { ...domain, groups: domain.groups.slice(1) } : domain
    ),
  }));
  return { state, answer };
};

/** The list forgets all but the newest group. */
const onlyTheNewest = afterAttach((list, { after, step }, key) => {
  if (step.do !== "set-container" || step.container !== key) return list;
  const { iommu, reserved } = entryOf(after.world, step.group);
  return excludeReserved([iommu.aperture], reserved);
});

const ignoreBudget: Fault = (move) => {
  const { before, step, answer, base } = move;
  if (step.do !== "map" || answerText(answer) !== "ENOSPC") return asItWas(move);
  const limit = before.containers.get(step.container)?.type1?.mappingLimit ?? 0;
  const roomy = withType1(before, step.container, (type1) => ({ ...type1, mappingLimit: limit + 1 }));
  const mapped = execute(roomy, step, base) ?? asItWas(move);
  return {
    state: withType1(mapped.state, step.container, (type1) => ({ ...type1, mappingLimit: limit })),
    answer: mapped.answer,
  };
};

/** An unmap gives the range back, but not the pages. */
const keepTheCharge: Fault = ({ before, after, step, answer }) => {
  const given = step.do === "unmap" ? lockedPages(before) - lockedPages(after) : 0n;
  const leaked = (after.leakedPages.get(MAIN_SPACE) ?? 0n) + given;
  return { state: { ...after, leakedPages: withEntry(after.leakedPages, MAIN_SPACE, leaked) }, answer };
};

/** Plays the step as if no IOMMU refused anything, from then on as before. */
const skipReplay: Fault = (move) => {
  const { before, step, answer, base } = move;
  if (step.do !== "set-container" || answerText(answer) !== "ERANGE") return asItWas(move);
  const willing = new Map(
    [...before.world].map(([name, { iommu: { refuses: _, ...iommu }, ...group }]) =>
      [name, { ...group, iommu }] as const
    ),
  );
  const attached = execute({ ...before, world: willing }, step, base) ?? asItWas(move);
  return { state: { ...attached.state, world: before.world }, answer: attached.answer };
};

const mapCutsTheList: Fault = ({ after, step, answer }) => {
  if (step.do !== "map" || answer.errno !== null) return { state: after, answer };
  const cut = (type1: Type1): Type1 => ({ ...type1, list: type1.list.slice(0, 1) });
  return { state: withType1(after, step.container, cut), answer };
};

const widen = (list: RangeList, bytes: bigint): RangeList =>
  list.map((range, index) => index < list.length - 1 ? { ...range, last: range.last + bytes } : range);

/** Its device leaves, and the group stays in the container. */
const keepTheGroup: Fault = ({ before, after, step, answer }) => ({
  state: step.do === "unplug" ? { ...before, world: after.world } : after,
  answer,
});

export const SEEDED_FAULTS: Readonly<Record<string, SeededFault>> = {
  "exclusion one byte short": { seenBy: "invariantsHold", fault: afterAttach((list) => widen(list, 1n)) },
  "exclusion one byte long": {
    seenBy: "listFollowsFromGroups",
    fault: afterAttach((list) => widen(list, -1n)),
  },
  "conflict check skipped": { seenBy: "invariantsHold", fault: skipConflictCheck },
  "no refresh at detach": { seenBy: "listFollowsFromGroups", fault: afterDetach((_, old) => old) },
  "refresh loses a range": {
    seenBy: "detachNeverNarrows",
    fault: afterDetach((list) => list.length > 1 ? list.slice(1) : list),
  },
  "refused attach not rolled back": { seenBy: "refusalChangesNothing", fault: noRollback },
  "device with a direct region given away": { seenBy: "directDevicesStay", fault: giveDirectDevicesAway },
  "shared domain forgets the group": { seenBy: "invariantsHold", fault: forgetTheGroup },
  "attach replaces the list": { seenBy: "attachNeverWidens", fault: onlyTheNewest },
  "nothing replayed": { seenBy: "allDomainsHoldAllMappings", fault: skipReplay },
  "budget ignored": { seenBy: "invariantsHold", fault: ignoreBudget },
  "map cuts the list": { seenBy: "otherStepsKeepTheList", fault: mapCutsTheList },
  "a group without a device stays": { seenBy: "invariantsHold", fault: keepTheGroup },
  "unmap keeps the charge": { seenBy: "lockedIsMapped", fault: keepTheCharge },
};
