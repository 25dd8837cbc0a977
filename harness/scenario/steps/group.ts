/** Steps on a group as a whole. */
import * as z from "zod";
import {
  groupClose,
  groupOpen,
  groupSetContainer,
  groupStatus,
  groupUnsetContainer,
} from "../../model/lifecycle.ts";
import type { Action } from "../action.ts";
import { CONTAINER, DEFAULT_CONTAINER, GROUP } from "../schemas.ts";
import { defineStep } from "../step.ts";

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

const groupStatusAction = (group: string): Action => ({
  text: `group-status ${group}`,
  apply: (state) => groupStatus(state, group),
  command: () => `group-status ${group}`,
  changes: "nothing",
});

export const groupOpenStep = defineStep(GROUP, function* (group) {
  yield groupOpenAction(group);
});

export const groupCloseStep = defineStep(GROUP, function* (group) {
  yield groupCloseAction(group);
});

export const groupStatusStep = defineStep(GROUP, function* (group) {
  yield groupStatusAction(group);
});

export const setContainerStep = defineStep(
  z.strictObject({ group: GROUP, container: CONTAINER.default(DEFAULT_CONTAINER) }),
  function* ({ group, container }) {
    yield setContainerAction(group, container);
  },
);

export const unsetContainerStep = defineStep(GROUP, function* (group) {
  yield unsetContainerAction(group);
});
