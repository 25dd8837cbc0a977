/** Devices that leave the machine and come back while the guest runs. [spec §1.7] */
import * as z from "zod";
import { ok } from "../../model/answer.ts";
import { askToLeave, departing, leave, plug } from "../../model/devices.ts";
import type { Leaving } from "../../model/state.ts";
import type { Action, HostAction } from "../action.ts";
import { GROUP } from "../schemas.ts";
import { type Actions, defineStep, type Scene } from "../step.ts";

const textOf = ({ group, index }: Leaving): string => `device ${index + 1} of ${group}`;

const plugAction = (device: Leaving): HostAction => ({
  text: `plug in ${textOf(device)}`,
  apply: (state) => plug(state, device),
  host: { kind: "plug", ...device },
  changes: "groups",
});

const askToLeaveAction = (device: Leaving): HostAction => ({
  text: `ask ${textOf(device)} to leave`,
  apply: (state) => askToLeave(state, device),
  host: { kind: "ask-to-leave", ...device },
  changes: "nothing",
});

const awaitLeavingAction = (device: Leaving): HostAction => ({
  text: `${textOf(device)} has left`,
  apply: (state) => leave(state, device),
  host: { kind: "await-leaving", ...device },
  changes: "groups",
});

/** The kernel is to say when it wants an open device back; nothing else changes. */
const watchAction = (handle: string): Action => ({
  text: `watch for the removal of ${handle}`,
  apply: (state) => ({ state, answer: ok() }),
  command: () => `watch-removal ${handle}`,
  changes: "nothing",
});

/** It has said so: from here on it waits for the device to be closed. */
const wantedBackAction = (handle: string): Action => ({
  text: `the kernel wants ${handle} back`,
  apply: (state) => ({ state, answer: ok() }),
  command: () => "await-removal",
  changes: "groups",
});

const DEVICE = z.union([
  GROUP.transform((group) => ({ group, index: 0 })),
  z.strictObject({ group: GROUP, device: z.bigint().min(1n).max(8n) })
    .transform(({ group, device }) => ({ group, index: Number(device) - 1 })),
]);

/** Unplugs a device, the first one of a group if nothing else is said; one that is held leaves when it no longer is. */
export const unplugStep = defineStep(DEVICE, function* (device, scene) {
  const opened = device.index === 0 ? firstOpen(scene, device.group) : undefined;
  if (opened !== undefined) yield watchAction(opened);
  yield askToLeaveAction(device);
  if (opened !== undefined) yield wantedBackAction(opened);
  else yield* awaitLeaving(scene);
});

/** Handle of the group's first device, which is the one that scenarios open; undefined where it isn't open. */
const firstOpen = (scene: Scene, group: string): string | undefined =>
  scene.state().groups.get(group)?.devices.keys().next().value;

/** Plugs a device in again, and has vfio-pci take it. */
export const plugStep = defineStep(DEVICE, function* (device) {
  yield plugAction(device);
});

function* awaitLeaving(scene: Scene): Actions {
  for (const device of departing(scene.state())) yield awaitLeavingAction(device);
}

/**
 * Does what may let go of a device that was asked to leave. Then it leaves, and there is nothing to be read back before
 * it has: nobody knows how far it has got.
 */
export function* lettingGo(action: Action, scene: Scene): Actions {
  const isHeld = departing(action.apply(scene.state()).state).length === 0;
  yield isHeld ? action : { ...action, changes: "nothing" };
  yield* awaitLeaving(scene);
}
