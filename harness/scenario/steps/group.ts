/** Steps on a group as a whole. */
import * as z from "zod";
import {
  groupClose,
  groupOpen,
  groupSetContainer,
  groupSetContainerTo,
  groupStatus,
  groupUnsetContainer,
  NO_CONTAINERS,
  type NoContainer,
} from "../../model/lifecycle.ts";
import type { Action } from "../action.ts";
import { ARGSZ, CONTAINER, DEFAULT_CONTAINER, GROUP } from "../schemas.ts";
import { defineStep } from "../step.ts";
import { lettingGo } from "./hotplug.ts";

export const groupOpenAction = (group: string): Action => ({
  text: `group-open ${group}`,
  apply: (state) => groupOpen(state, group),
  command: (names) => `group-open ${group} ${names.groupNumber(group)}`,
  changes: "nothing",
});

export const setContainerAction = (group: string, container: string): Action => ({
  text: `set-container ${group} ${container}`,
  apply: (state) => groupSetContainer(state, group, container),
  command: () => `set-container ${group} ${container}`,
  changes: "groups",
});

export const unsetContainerAction = (group: string): Action => ({
  text: `unset-container ${group}`,
  apply: (state) => groupUnsetContainer(state, group),
  command: () => `unset-container ${group}`,
  changes: "groups",
});

const groupCloseAction = (group: string): Action => ({
  text: `group-close ${group}`,
  apply: (state) => groupClose(state, group),
  command: () => `group-close ${group}`,
  changes: "groups",
});

export const groupStatusAction = (group: string, argsz?: number): Action => {
  const request = `group-status ${group}${argsz === undefined ? "" : ` argsz=${argsz}`}`;
  return {
    text: request,
    apply: (state) => groupStatus(state, group, argsz),
    command: () => request,
    changes: "nothing",
  };
};

const setContainerToAction = (group: string, what: NoContainer): Action => ({
  text: `set-container-to ${group} ${what}`,
  apply: (state) => groupSetContainerTo(state, group, what),
  command: () => `set-container-to ${group} ${what}`,
  changes: "groups",
});

export const groupOpenStep = defineStep(GROUP, function* (group) {
  yield groupOpenAction(group);
});

export const groupCloseStep = defineStep(GROUP, function* (group, scene) {
  yield* lettingGo(groupCloseAction(group), scene);
});

const STATUS = z.strictObject({ group: GROUP, argsz: ARGSZ.optional() });

export const groupStatusStep = defineStep(
  z.union([GROUP.transform((group) => ({ group })), STATUS]),
  function* ({ group, argsz }: z.infer<typeof STATUS>) {
    yield groupStatusAction(group, argsz);
  },
);

export const setContainerStep = defineStep(
  z.strictObject({ group: GROUP, container: CONTAINER.default(DEFAULT_CONTAINER) }),
  function* ({ group, container }) {
    yield setContainerAction(group, container);
  },
);

/** SET_CONTAINER of a descriptor that is none of a container. */
export const setContainerToStep = defineStep(
  z.strictObject({ group: GROUP, what: z.enum(NO_CONTAINERS) }),
  function* ({ group, what }) {
    yield setContainerToAction(group, what);
  },
);

export const unsetContainerStep = defineStep(GROUP, function* (group, scene) {
  yield* lettingGo(unsetContainerAction(group), scene);
});
