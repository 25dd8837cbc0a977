/** What the guest module resvinj adds to a group's reserved regions, and the failures it injects. */
import * as z from "zod";
import { ok } from "../../model/answer.ts";
import { hex } from "../../model/range_list.ts";
import { regionText, type ReservedRegion, sortRegions } from "../../model/reserved.ts";
import { entryOf } from "../../model/state.ts";
import type { Group } from "../../model/world.ts";
import type { Action } from "../action.ts";
import { parseRegions } from "../region.ts";
import { GROUP, REGIONS } from "../schemas.ts";
import { defineStep } from "../step.ts";

const PARAMETERS = "/sys/module/resvinj/parameters";

/**
 * sysfs shows regions on a single page, a line of up to 56 bytes each; with more of them than this it, or
 * before 6.4 the guest module for its sake, leaves some out.
 */
const MAX_REGIONS_IN_SYSFS = 72;

export const clearRegionsAction: Action = {
  text: "inject nothing",
  apply: (state) => ({ state, answer: ok() }),
  command: () => `write ${PARAMETERS}/clear 1`,
  changes: "nothing",
};

/** In which order the kernel lists injected regions: where its own code would put them, or as written. */
export type ListOrder = "sorted" | "as-written";

const listOrderAction = (order: ListOrder): Action => ({
  text: `list regions ${order}`,
  apply: (state) => ({ state, answer: ok() }),
  command: () => `write ${PARAMETERS}/order ${order === "sorted" ? "sorted" : "as-added"}`,
  changes: "nothing",
});

/** Adds one region to a group for everyone who asks from now on; the world of the model has it already. */
export const addRegionAction = (group: string, region: ReservedRegion): Action => ({
  text: `inject into ${group} ${hex(region.start)}..${hex(region.last)} ${region.kind}`,
  apply: (state) => ({ state, answer: ok() }),
  command: (names) =>
    `write ${PARAMETERS}/add ${names.groupNumber(group)} ${hex(region.start)} ${
      hex(region.last)
    } ${region.kind}`,
  changes: "nothing",
});

/** The kernel's own list of a group's regions, in its order. [spec §9.1] */
export const regionsAction = (name: string, { reserved }: Group): Action => ({
  text: `regions ${name}`,
  apply: (state) => ({ state, answer: ok({ regions: reserved.map(regionText).join(",") || "-" }) }),
  command: (names) => `regions ${names.groupNumber(name)}`,
  changes: "nothing",
});

/**
 * Everything that makes the guest's groups have the regions of the world, and a look at them. Without the module they
 * have their own, which nobody has changed.
 */
export function injectionActions(
  injected: ReadonlyMap<string, readonly ReservedRegion[]>,
  world: ReadonlyMap<string, Group>,
  order: ListOrder,
  hasModule: boolean,
): Action[] {
  const adds = [...injected].flatMap(([name, regions]) =>
    regions.map((region) => addRegionAction(name, region))
  );
  const looks = [...world].filter(([, { reserved }]) => reserved.length <= MAX_REGIONS_IN_SYSFS)
    .map(([name, group]) => regionsAction(name, group));
  return hasModule ? [clearRegionsAction, listOrderAction(order), ...adds, ...looks] : looks;
}

/** Requests that tell whether the module failed to do what it was asked, each `0` when it didn't. */
export const INJECTION_FAULTS: readonly string[] = [`read ${PARAMETERS}/missed`, `read ${PARAMETERS}/nomem`];

/** Adds regions to a group that has whatever it has, from now on. [spec §3.2] */
const injectAction = (group: string, region: ReservedRegion): Action => ({
  ...addRegionAction(group, region),
  apply: (state) => {
    const before = entryOf(state.world, group);
    const world = new Map(state.world);
    world.set(group, { ...before, reserved: sortRegions([...before.reserved, region]) });
    return { state: { ...state, world, regionsChanged: true }, answer: ok() };
  },
});

/** Regions that turn up while the group may be attached. */
export const injectStep = defineStep(
  z.strictObject({ group: GROUP, reserved: REGIONS }),
  function* ({ group, reserved }, { symbols }) {
    for (const region of reserved.flatMap((text) => parseRegions(text, symbols))) {
      yield injectAction(group, region);
    }
  },
  "resvinj",
);

/** Makes one of the next collections of a group's regions fail with ENOMEM; 1 is the next, 0 none. */
export const failCollectionAction = (call: number): Action => ({
  text: `fail-collection ${call}`,
  apply: (state) => ({ state: { ...state, failingCollection: call }, answer: ok() }),
  command: () => `write ${PARAMETERS}/fail ${call}`,
  changes: "nothing",
});

export const failCollectionStep = defineStep(
  z.bigint().min(0n).max(1000n).transform(Number).describe("Which collection from now on fails with ENOMEM"),
  function* (call) {
    yield failCollectionAction(call);
  },
  "resvinj",
);
