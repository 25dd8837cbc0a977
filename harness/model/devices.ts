/** What becomes of a group's devices: other drivers, and devices that come and go. [spec §1.3, §1.4 rows 5 and 8, §1.7] */
import { ok, refused, type RuleText } from "./answer.ts";
import { HandleError, loseGroup } from "./lifecycle.ts";
import { entryOf, type Leaving, type Outcome, type State } from "./state.ts";
import { type Driver, isGone, isOwner } from "./world.ts";

/** Takes a device away from its driver. */
export function unbind(state: State, name: string, index: number): Outcome {
  const left = release(state, { group: name, index }, "none");
  return { state: left, answer: ok({}, releaseRule(left, name)) };
}

/**
 * Gives a device without driver to one. One that uses it itself owns the group's DMA from then on; it can't while
 * somebody else does. [spec §1.7; kernel: iommu_device_use_default_domain, bind_store]
 */
export function bind(state: State, name: string, index: number, driver: Driver): Outcome {
  const isInUse = state.groups.get(name)?.container !== undefined;
  if (isOwner(driver) && isInUse) return { state, answer: refused("EBUSY", "§1.7 row 7") };
  return { state: withDriver(state, { group: name, index }, driver), answer: ok({}, "§1.7 row 7") };
}

/** Takes the only device of a group out of the kernel's sight. */
export function remove(state: State, name: string): Outcome {
  const { drivers } = entryOf(state.world, name);
  if (drivers.length > 1) throw new RangeError(`group ${name} has further devices`);
  const left = release(state, { group: name, index: 0 }, "absent");
  return { state: left, answer: ok({}, releaseRule(left, name)) };
}

/** The kernel finds the device again; vfio-pci isn't given it yet. */
export const rescan = (state: State, name: string): Outcome =>
  appear(state, { group: name, index: 0 }, "none");

/** Asks for a device to leave the machine, which it does when nobody holds it: see leave. */
export function askToLeave(state: State, device: Leaving): Outcome {
  if (driverOf(state, device) === "absent") throw new HandleError(`${deviceText(device)} is not there`);
  if (isLeaving(state, device)) throw new HandleError(`${deviceText(device)} was asked to leave already`);
  return { state: { ...state, leaving: [...state.leaving, device] }, answer: ok({}, "§1.7 row 4") };
}

/** A device that was asked to leave is gone. */
export function leave(state: State, device: Leaving): Outcome {
  if (!isLeaving(state, device)) throw new HandleError(`nobody asked ${deviceText(device)} to leave`);
  const left = release(state, device, "absent");
  const leaving = left.leaving.filter((other) => !isSame(other, device));
  const isCutOff = cutsOff(left, device);
  const cutOff = isCutOff ? [...left.cutOff, device.group] : left.cutOff;
  const rule = isCutOff ? "§12 Q4" : releaseRule(left, device.group);
  return { state: { ...left, leaving, cutOff }, answer: ok({}, rule) };
}

/** Kernels take the name that a device made its requests in away from all that have it. [spec §12 Q4] */
function cutsOff(left: State, { group }: Leaving): boolean {
  const { container } = left.groups.get(group) ?? {};
  return left.semantics.deviations.has("sibling-cuts-off") && entryOf(left.world, group).hasOneName &&
    container !== undefined && left.containers.get(container)?.type1 !== undefined;
}

/** A device comes back into the machine, to where it was, and vfio-pci gets it. */
export function plug(state: State, device: Leaving): Outcome {
  const { state: plugged, answer } = appear(state, device, "vfio-pci");
  return { state: { ...plugged, cutOff: plugged.cutOff.filter((group) => group !== device.group) }, answer };
}

/** The devices that were asked to leave, and that nobody holds. */
export const departing = (state: State): readonly Leaving[] =>
  state.leaving.filter((device) => holderOf(state, device) === undefined);

const isSame = (a: Leaving, b: Leaving): boolean => a.group === b.group && a.index === b.index;
const isLeaving = ({ leaving }: State, device: Leaving): boolean =>
  leaving.some((other) => isSame(other, device));
const deviceText = ({ group, index }: Leaving): string => `device ${index + 1} of group ${group}`;

function driverOf({ world }: State, { group, index }: Leaving): Driver {
  const driver = entryOf(world, group).drivers[index];
  if (driver === undefined) throw new RangeError(`group ${group} has no device ${index + 1}`);
  return driver;
}

function withDriver(state: State, device: Leaving, driver: Driver): State {
  driverOf(state, device);
  const group = entryOf(state.world, device.group);
  const world = new Map(state.world);
  world.set(device.group, { ...group, drivers: group.drivers.with(device.index, driver) });
  return { ...state, world };
}

/**
 * What makes vfio-pci wait when it is to give a device back: whoever has it open; before 6.1 also the container of a
 * group that is left without devices. [spec §1.7]
 */
function holderOf(state: State, device: Leaving): string | undefined {
  if (driverOf(state, device) !== "vfio-pci") return undefined;
  const open = state.groups.get(device.group);
  if (device.index === 0 && open && open.devices.size > 0) return "it is open";
  const wouldBeGone = isGone(entryOf(withDriver(state, device, "none").world, device.group));
  if (!state.semantics.losesGroups && wouldBeGone && open?.container !== undefined) {
    return "its group is in a container";
  }
  return undefined;
}

/** A device without the driver that it had. */
function release(state: State, device: Leaving, driver: "none" | "absent"): State {
  const holder = holderOf(state, device);
  if (holder !== undefined) throw new HandleError(`${deviceText(device)} can't go while ${holder}`);
  const wasGone = isGone(entryOf(state.world, device.group));
  const left = withDriver(state, device, driver);
  const isLost = !wasGone && isGone(entryOf(left.world, device.group));
  return isLost && state.semantics.losesGroups ? loseGroup(left, device.group) : left;
}

/** What decides on the group of a device that has been released. */
function releaseRule(left: State, group: string): RuleText {
  if (!isGone(entryOf(left.world, group))) return "§1.7 row 5";
  return left.semantics.losesGroups ? "§1.7 row 2" : "§1.7 row 3";
}

/** A device that is there again. A group of which nothing was left is a new one, whoever has the old one open. */
function appear(state: State, device: Leaving, driver: Driver): Outcome {
  if (driverOf(state, device) !== "absent") throw new HandleError(`${deviceText(device)} is there`);
  const isNew = isGone(entryOf(state.world, device.group));
  if (isNew && state.groups.has(device.group)) throw new HandleError(`group ${device.group} is still open`);
  return { state: withDriver(state, device, driver), answer: ok({}, isNew ? "§1.7 row 6" : "§1.7 row 5") };
}
