/** Opening and closing the first device of a group. */
import { deviceClose, deviceOpen } from "../../model/lifecycle.ts";
import type { Action } from "../action.ts";
import { GROUP } from "../schemas.ts";
import { defineStep } from "../step.ts";

const handleOf = (group: string): string => `${group}-0`;

const deviceOpenAction = (group: string): Action => ({
  text: `device-open ${handleOf(group)}`,
  apply: (state) => deviceOpen(state, handleOf(group), group),
  command: (names) => `device-open ${handleOf(group)} ${group} ${names.device(group)}`,
  changes: "groups",
});

const deviceCloseAction = (group: string): Action => ({
  text: `device-close ${handleOf(group)}`,
  apply: (state) => deviceClose(state, handleOf(group)),
  command: () => `device-close ${handleOf(group)}`,
  changes: "groups",
});

export const deviceOpenStep = defineStep(GROUP, function* (group) {
  yield deviceOpenAction(group);
});

export const deviceCloseStep = defineStep(GROUP, function* (group) {
  yield deviceCloseAction(group);
});
