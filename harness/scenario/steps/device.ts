/** Opening and closing the first device of a group. */
import * as z from "zod";
import { deviceClose, deviceOpen, deviceOpenMisnamed } from "../../model/lifecycle.ts";
import type { Action } from "../action.ts";
import { GROUP } from "../schemas.ts";
import { defineStep } from "../step.ts";
import { lettingGo } from "./hotplug.ts";

export const handleOf = (group: string): string => `${group}-0`;

export const deviceOpenAction = (group: string): Action => ({
  text: `device-open ${handleOf(group)}`,
  apply: (state) => deviceOpen(state, handleOf(group), group),
  command: (names) => `device-open ${handleOf(group)} ${group} ${names.device(group)}`,
  changes: "groups",
});

/** A name that no device of the group has: no such address, or something behind a right one. */
const NOBODY = "0000:ff:1f.7";

const misnamedAction = (group: string, behind: string | undefined): Action => ({
  text: `device-open ${group} ${
    behind === undefined ? "of another name" : `with "${behind}" behind its name`
  }`,
  apply: (state) => deviceOpenMisnamed(state, group, behind),
  command: (names) =>
    `device-open ${group}-misnamed ${group} ${behind === undefined ? NOBODY : names.device(group) + behind}`,
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

/** Opening under a wrong name. */
export const deviceOpenMisnamedStep = defineStep(
  z.strictObject({
    group: GROUP,
    behind: z.string().regex(/^ ?[a-z0-9=]+$/, "write a word, with a blank before it or none").optional(),
  }),
  function* ({ group, behind }) {
    yield misnamedAction(group, behind);
  },
);

export const deviceCloseStep = defineStep(GROUP, function* (group, scene) {
  yield* lettingGo(deviceCloseAction(group), scene);
});
