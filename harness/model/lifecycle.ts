/** Containers, groups and devices: what is opened, joined, left and closed. [spec §1] */
import { type Answer, ok, refused, type RuleText } from "./answer.ts";
import { hex } from "./range_list.ts";
import {
  type Container,
  entryOf,
  MAIN_PROCESS,
  type OpenGroup,
  type Outcome,
  type State,
  withEntry,
} from "./state.ts";
import { attachGroup, detachGroup, directRefusal } from "./type1.ts";
import { isGone, isViable } from "./world.ts";

const VIABLE = 1;
const CONTAINER_SET = 2;

/** The state with another container of that handle, or none. */
export const setContainer = (state: State, key: string, container: Container | undefined): State => ({
  ...state,
  containers: withEntry(state.containers, key, container),
});

const setGroup = (state: State, name: string, group: OpenGroup | undefined): State => ({
  ...state,
  groups: withEntry(state.groups, name, group),
});

/** A handle that the scenario is using out of order, or has misspelt: not the kernel's business. */
export class HandleError extends Error {
  override name = "HandleError";
}

/** The container behind a handle that the calling process holds. */
export function openContainer(state: State, key: string): Container {
  const container = state.containers.get(key);
  if (!container?.holders.includes(state.process)) throw new HandleError(`container ${key} is not open`);
  return container;
}

/** What every call that needs an IOMMU is told by a container without one. [spec §1.1 row 6] */
export const NO_IOMMU = refused("EINVAL", "§1.1 row 6");

/** The group behind a handle that the calling process holds. */
export function openGroup(state: State, name: string): OpenGroup {
  const group = state.groups.get(name);
  if (!group?.holders.includes(state.process)) throw new HandleError(`group ${name} is not open`);
  return group;
}

/** Opens /dev/vfio/vfio: a new container without IOMMU. [spec §1.1] */
export function open(state: State, key: string): Outcome {
  if (state.containers.has(key)) throw new HandleError(`container ${key} exists already`);
  return {
    state: setContainer(state, key, { holders: [state.process], groups: [] }),
    answer: ok({}, "§1.1 row 1"),
  };
}

/** Closes the container's descriptor; groups inside keep it, and its mappings, alive. [spec §1.6] */
export function close(state: State, key: string): Outcome {
  openContainer(state, key);
  return { state: releaseContainer(state, key, state.process), answer: ok({}, "§1.6 row 3") };
}

const without = (holders: readonly string[], process: string): readonly string[] =>
  holders.filter((holder) => holder !== process);

function releaseContainer(state: State, key: string, process: string): State {
  const container = entryOf(state.containers, key);
  const holders = without(container.holders, process);
  const isAlive = holders.length > 0 || container.groups.length > 0;
  return setContainer(state, key, isAlive ? { ...container, holders } : undefined);
}

/** Opens /dev/vfio/N, which one opener at a time may have. [spec §1.1] */
export function groupOpen(state: State, name: string): Outcome {
  if (!state.world.has(name)) throw new HandleError(`there is no group ${name}; name it under groups`);
  const isOpen = state.groups.has(name);
  if (state.groups.get(name)?.isLost) throw new HandleError(`group ${name} is still open, as what it was`);
  const keepsNode = isOpen && !state.semantics.losesGroups;
  if (isGone(entryOf(state.world, name)) && !keepsNode) {
    return { state, answer: refused("ENOENT", "§1.1 row 3") };
  }
  if (isOpen) return { state, answer: refused("EBUSY", "§1.1 row 2") };
  const group: OpenGroup = { holders: [state.process], devices: new Map(), isLost: false };
  return { state: setGroup(state, name, group), answer: ok({}, "§1.1") };
}

/** Closes the group's descriptor; open devices keep the group where it is. [spec §1.6] */
export function groupClose(state: State, name: string): Outcome {
  openGroup(state, name);
  return answered(releaseGroup(state, name, state.process));
}

/** A state, and what decided on it. */
interface Decided {
  readonly state: State;
  readonly rule: RuleText;
}

const answered = ({ state, rule }: Decided): Outcome => ({ state, answer: ok({}, rule) });

function releaseGroup(state: State, name: string, process: string): Decided {
  const group = entryOf(state.groups, name);
  return releaseWhenUnused(
    setGroup(state, name, { ...group, holders: without(group.holders, process) }),
    name,
  );
}

/**
 * The kernel has no device of the group any more: whoever has it open is left with nothing, and it leaves its
 * container. [spec §1.3, §1.4 row 5, §1.7; kernel: vfio_device_remove_group]
 */
export function loseGroup(state: State, name: string): State {
  if (!state.groups.has(name)) return state;
  const { state: left } = leaveContainer(state, name, "§1.7 row 2");
  return setGroup(left, name, { ...entryOf(left.groups, name), isLost: true });
}

const STATUS_STRUCT_BYTES = 8;

/** VFIO_GROUP_GET_STATUS. [spec §1.3] */
export function groupStatus(state: State, name: string, argsz = STATUS_STRUCT_BYTES): Outcome {
  const { container, isLost } = openGroup(state, name);
  if (argsz < STATUS_STRUCT_BYTES) return { state, answer: refused("EINVAL", "§1.3") };
  if (isLost) return { state, answer: refused("ENODEV", "§1.3") };
  const flags = (isViable(entryOf(state.world, name)) ? VIABLE : 0) |
    (container !== undefined ? CONTAINER_SET : 0);
  return { state, answer: ok({ flags: hex(flags) }, "§1.3") };
}

/** VFIO_GROUP_SET_CONTAINER; attaches at once where the container has an IOMMU. [spec §1.4] */
export function groupSetContainer(state: State, name: string, key: string): Outcome {
  const group = openGroup(state, name);
  const container = openContainer(state, key);
  if (group.container !== undefined) return { state, answer: refused("EINVAL", "§1.4 row 4") };
  if (group.isLost) return { state, answer: refused("ENODEV", "§1.4 row 5") };
  if (state.semantics.claimsDmaOwnership && !isViable(entryOf(state.world, name))) {
    return { state, answer: refused("EPERM", "§1.4 row 8") };
  }
  const kept = state.semantics.claimsDmaOwnership ? directRefusal(state, name) : undefined;
  if (kept !== undefined) return { state, answer: refused(kept, "§1.4 row 10") };
  const joined = { ...container, groups: [name, ...container.groups] };
  const inContainer = (state: State) => setGroup(state, name, { ...group, container: key });
  if (!container.type1) {
    return { state: inContainer(setContainer(state, key, joined)), answer: ok({}, "§1.4") };
  }

  const { state: after, result } = attachGroup(state, container.type1, name);
  if ("errno" in result) return { state: after, answer: result };
  const { type1, rule } = result;
  return answered({ state: inContainer(setContainer(after, key, { ...joined, type1 })), rule });
}

/** What a program may hand to SET_CONTAINER instead of a container's descriptor. */
export const NO_CONTAINERS = ["negative", "closed", "other-file"] as const;
export type NoContainer = typeof NO_CONTAINERS[number];

/** VFIO_GROUP_SET_CONTAINER of what is no container. [spec §1.4 rows 2–6] */
export function groupSetContainerTo(state: State, name: string, what: NoContainer): Outcome {
  const { container, isLost } = openGroup(state, name);
  const { containerErrnos: { negative, otherFile }, looksUpContainerFirst } = state.semantics;
  const faults: Record<NoContainer, Answer> = {
    negative: refused(negative, "§1.4 row 2"),
    closed: refused("EBADF", "§1.4 row 3"),
    "other-file": refused(otherFile, "§1.4 row 6"),
  };
  const beatsState = looksUpContainerFirst && what !== "other-file";
  if (container !== undefined && !beatsState) return { state, answer: refused("EINVAL", "§1.4 row 4") };
  return { state, answer: isLost && !beatsState ? refused("ENODEV", "§1.4 row 5") : faults[what] };
}

/** VFIO_GROUP_UNSET_CONTAINER. [spec §1.6] */
export function groupUnsetContainer(state: State, name: string): Outcome {
  const group = openGroup(state, name);
  if (group.container === undefined) return { state, answer: refused("EINVAL", "§1.6 row 1") };
  if (group.devices.size > 0) return { state, answer: refused("EBUSY", "§1.6 row 1") };
  return answered(leaveContainer(state, name, "§1.6 row 1"));
}

/** VFIO_GROUP_GET_DEVICE_FD for the group's first device. [spec §1.6] */
export function deviceOpen(state: State, device: string, name: string): Outcome {
  const group = openGroup(state, name);
  if ([...state.groups.values()].some(({ devices }) => devices.has(device))) {
    throw new HandleError(`device ${device} is open already`);
  }
  const isFound = firstDeviceIsVfios(state, name);
  if (!isFound && state.semantics.looksUpDeviceFirst) {
    return { state, answer: refused("ENODEV", "§1.6 row 2") };
  }
  if (!canOpenDevices(state, name)) return { state, answer: refused("EINVAL", "§1.6 row 2") };
  if (!isFound) return { state, answer: refused("ENODEV", "§1.6 row 2") };
  const devices = withEntry(group.devices, device, [state.process]);
  return { state: setGroup(state, name, { ...group, devices }), answer: ok({}, "§1.6 row 2") };
}

/** Only what a driver of VFIO has is found by its name. [spec §1.6; kernel: vfio_device_get_from_name] */
function firstDeviceIsVfios({ world, groups }: State, name: string): boolean {
  return entryOf(world, name).drivers[0] === "vfio-pci" && !entryOf(groups, name).isLost;
}

function canOpenDevices(state: State, name: string): boolean {
  const { container } = openGroup(state, name);
  const joined = container === undefined ? undefined : state.containers.get(container);
  return joined?.type1 !== undefined && isViable(entryOf(state.world, name));
}

/**
 * VFIO_GROUP_GET_DEVICE_FD by a name that isn't the device's. [spec §1.6]
 * @param behind what stands behind the device's own name; undefined for another name altogether
 */
export function deviceOpenMisnamed(state: State, name: string, behind: string | undefined): Outcome {
  const fault = behind?.startsWith(" ") && firstDeviceIsVfios(state, name) ? "EINVAL" : "ENODEV";
  const looksAtStateFirst = !state.semantics.looksUpDeviceFirst && !canOpenDevices(state, name);
  return { state, answer: refused(looksAtStateFirst ? "EINVAL" : fault, "§1.6 row 2") };
}

/**
 * Closes a device; the last one of a group whose own descriptor is closed releases the group. [spec §1.6]
 * @throws HandleError also where the device would stay open: who has its memory has the device
 */
export function deviceClose(state: State, device: string): Outcome {
  const name = [...state.groups]
    .find(([, { devices }]) => devices.get(device)?.includes(state.process))?.[0];
  if (name === undefined) throw new HandleError(`device ${device} is not open`);
  if (state.keepsDeviceMemory) {
    throw new HandleError("memory of a device was mapped, which keeps the device open until the end");
  }
  return answered(releaseDevice(state, name, device, state.process));
}

function releaseDevice(state: State, name: string, device: string, process: string): Decided {
  const group = entryOf(state.groups, name);
  const holders = without(entryOf(group.devices, device), process);
  const devices = withEntry(group.devices, device, holders.length > 0 ? holders : undefined);
  const engines = process === MAIN_PROCESS ? withEntry(state.engines, device, undefined) : state.engines;
  return releaseWhenUnused(setGroup({ ...state, engines }, name, { ...group, devices }), name);
}

/** Closes everything that a process holds, as its end does. */
export function releaseAll(state: State, process: string): State {
  for (const [name, { devices }] of state.groups) {
    for (const device of devices.keys()) ({ state } = releaseDevice(state, name, device, process));
  }
  for (const name of state.groups.keys()) ({ state } = releaseGroup(state, name, process));
  for (const key of state.containers.keys()) state = releaseContainer(state, key, process);
  return state;
}

function releaseWhenUnused(state: State, name: string): Decided {
  const group = state.groups.get(name);
  if (!group || group.holders.length > 0 || group.devices.size > 0) return { state, rule: "§1.6 row 4" };
  const { state: left, rule } = leaveContainer(state, name, "§1.6 row 3");
  return { state: setGroup(left, name, undefined), rule };
}

/**
 * Takes the group out of its container; with the last group the backend and all mappings go.
 * @param rule what decides where there is no backend, and so no list and no mapping
 */
function leaveContainer(state: State, name: string, rule: RuleText): Decided {
  const { container: key, ...rest } = entryOf(state.groups, name);
  if (key === undefined) return { state, rule };
  const { type1, ...container } = entryOf(state.containers, key);
  const groups = container.groups.filter((other) => other !== name);
  let left: Container = { ...container, groups };
  if (type1) {
    const detached = detachGroup(state, type1, name);
    ({ state, rule } = detached);
    if (groups.length > 0) left = { ...left, type1: detached.type1 };
  }
  const alive = left.holders.length > 0 || groups.length > 0 ? left : undefined;
  const cutOff = state.cutOff.filter((other) => other !== name);
  return { state: setGroup(setContainer({ ...state, cutOff }, key, alive), name, rest), rule };
}
