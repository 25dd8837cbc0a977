/** Drivers of a group's devices, and devices that come and go. */
import * as z from "zod";
import { bind, remove, rescan, unbind } from "../../model/devices.ts";
import { entryOf } from "../../model/state.ts";
import { type Driver, OWNERS } from "../../model/world.ts";
import type { Action, GuestNames } from "../action.ts";
import { GROUP } from "../schemas.ts";
import { defineStep } from "../step.ts";

const PCI = "/sys/bus/pci";
const DRIVERS = ["vfio-pci", "pci-stub", ...OWNERS, "none"] as const satisfies readonly Driver[];

/** A word written to a file of sysfs, which may depend on how the guest calls the device. */
const writing = (
  text: string,
  apply: Action["apply"],
  file: (names: GuestNames) => string,
  word: (names: GuestNames) => string,
): Action => ({
  text,
  apply,
  command: (names) => `write ${file(names)} ${word(names)}`,
  changes: "groups",
});

const overrideAction = (group: string, index: number, driver: Driver): Action =>
  writing(
    `device ${index + 1} of ${group} is for ${driver}`,
    (state) => ({ state, answer: { errno: null, values: {} } }),
    (names) => `${PCI}/devices/${names.device(group, index)}/driver_override`,
    () => driver,
  );

const unbindAction = (group: string, index: number): Action =>
  writing(
    `device ${index + 1} of ${group} is taken from its driver`,
    (state) => unbind(state, group, index),
    (names) => `${PCI}/devices/${names.device(group, index)}/driver/unbind`,
    (names) => names.device(group, index),
  );

const bindAction = (group: string, index: number, driver: Driver): Action =>
  writing(
    `device ${index + 1} of ${group} is given to ${driver}`,
    (state) => bind(state, group, index, driver),
    () => `${PCI}/drivers/${driver}/bind`,
    (names) => names.device(group, index),
  );

const removeAction = (group: string): Action =>
  writing(
    `remove the device of ${group}`,
    (state) => remove(state, group),
    (names) => `${PCI}/devices/${names.device(group)}/remove`,
    () => "1",
  );

const rescanAction = (group: string): Action =>
  writing(
    `look for the device of ${group}`,
    (state) => rescan(state, group),
    () => `${PCI}/rescan`,
    () => "1",
  );

/** Another driver for a device of the group, counted from 1, or none. */
export const driverStep = defineStep(
  z.strictObject({ group: GROUP, device: z.bigint().min(1n).max(8n), is: z.enum(DRIVERS) }),
  function* ({ group, device, is: driver }, scene) {
    const index = Number(device) - 1;
    const before = entryOf(scene.state().world, group).drivers[index];
    if (before !== "none") yield unbindAction(group, index);
    if (driver === "none") return;
    yield overrideAction(group, index, driver);
    yield bindAction(group, index, driver);
  },
);

export const removeStep = defineStep(GROUP, function* (group) {
  yield removeAction(group);
});

/** Finds the device again and gives it to vfio-pci. */
export const rescanStep = defineStep(GROUP, function* (group) {
  yield rescanAction(group);
  yield overrideAction(group, 0, "vfio-pci");
  yield bindAction(group, 0, "vfio-pci");
});
