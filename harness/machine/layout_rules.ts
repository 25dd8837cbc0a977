/** What can't be had of the entries of a machine file: slots, bridges, keys and names that don't go together. */
import type { Fault } from "./fault.ts";
import { groupsOf } from "./grouping.ts";
import { type Entry, layOut, placed } from "./layout.ts";
import { addressOf, type BridgeKind, isBridge } from "./topology.ts";

/** Which slots a bus has, and what fits them. */
interface BusRules {
  readonly first: number;
  readonly last: number;
  readonly holds: readonly (BridgeKind | "device")[];
}

const ROOT_BUS: BusRules = {
  first: 2,
  last: 29,
  holds: ["device", "pcie-root-port", "pcie-pci-bridge", "pci-bridge", "pxb-pcie"],
};

const BEHIND_PORT: BusRules = { first: 0, last: 0, holds: ["device", "pcie-pci-bridge", "x3130-upstream"] };

/** Slot 0 of a conventional bus belongs to the bridge's hotplug controller. [QEMU: docs/pcie.txt, pcie_pci_bridge.txt] */
const CONVENTIONAL: BusRules = { first: 1, last: 31, holds: ["device", "pci-bridge"] };

const BUSES: Readonly<Record<BridgeKind, BusRules>> = {
  "pcie-root-port": BEHIND_PORT,
  "x3130-upstream": { first: 0, last: 31, holds: ["xio3130-downstream"] },
  "xio3130-downstream": BEHIND_PORT,
  "pcie-pci-bridge": CONVENTIONAL,
  "pci-bridge": CONVENTIONAL,
  "pxb-pcie": { first: 0, last: 31, holds: ["pcie-root-port", "pcie-pci-bridge"] },
};

const FUNCTIONS_OF_A_SLOT = 8;

/**
 * What is wrong with the entries of a machine file; nothing when they can be had.
 * @param ofBoard slots of the root bus that the board has taken
 */
export function faultsOf(entries: readonly Entry[], ofBoard: readonly number[]): Fault[] {
  const faults = [...placeFaults(entries, ofBoard, undefined), ...nameFaults(entries, new Set())];
  // Before that nobody knows what is where.
  return faults.length > 0 ? faults : [...busFaults(entries), ...groupFaults(entries)];
}

/** Behind a root bus numbers go on from its own: those of the next may be in their way. */
function busFaults(entries: readonly Entry[]): Fault[] {
  const taken = new Set<number>();
  return placed(entries).flatMap(({ entry, path, place }) => {
    if (!isBridge(place)) return [];
    const isTaken = taken.has(place.bus);
    taken.add(place.bus);
    if (!isTaken) return [];
    const number = `0x${place.bus.toString(16)}`;
    return [
      entry.bus === undefined
        ? { path: [...path, "bridge"], message: `a root bus has its number, ${number}; write another there` }
        : { path: [...path, "bus"], message: `another bus has number ${number}; write another` },
    ];
  });
}

/** A scenario asks for a group by one name: nobody would ever play with the second. */
function groupFaults(entries: readonly Entry[]): Fault[] {
  const names = new Map<string, string>();
  const groups = groupsOf(layOut(entries));
  return placed(entries).flatMap(({ path, place }) => {
    if (isBridge(place) || place.name === undefined) return [];
    const address = addressOf(place);
    const [group = ""] = groups.find((members) => members.includes(address)) ?? [];
    const earlier = names.get(group);
    names.set(group, earlier ?? place.name);
    if (group === "" || earlier === undefined) return [];
    return [{ path: [...path, "name"], message: `its group is called ${earlier} already; leave it out` }];
  });
}

function nameFaults(entries: readonly Entry[], names: Set<string>): Fault[] {
  return entries.flatMap(({ name, devices = [] }, index) => {
    const below = nameFaults(devices, names)
      .map(({ path, message }) => ({ path: [index, "devices", ...path], message }));
    if (name === undefined) return below;
    const isTaken = names.has(name);
    names.add(name);
    if (!isTaken) return below;
    return [{ path: [index, "name"], message: `another device is called ${name}; write another` }, ...below];
  });
}

function placeFaults(
  entries: readonly Entry[],
  ofBoard: readonly number[],
  within: BridgeKind | undefined,
): Fault[] {
  const taken = new Set<string>();
  const withFirst = new Set(entries.filter((entry) => entry.function === 0).map(({ slot }) => slot));
  return entries.flatMap((entry, index): Fault[] => {
    const wrong = entryFault(entry, within, ofBoard) ??
      takenFault(entry, taken) ??
      (withFirst.has(entry.slot)
        ? undefined
        : { path: ["function"], message: `slot ${entry.slot} has no function 0; write one` });
    const below = entry.bridge && entry.devices ? placeFaults(entry.devices, [], entry.bridge) : [];
    return [
      ...(wrong ? [wrong] : []),
      ...below.map(({ path, message }) => ({ path: ["devices", ...path], message })),
    ].map(({ path, message }) => ({ path: [index, ...path], message }));
  });
}

function entryFault(
  entry: Entry,
  within: BridgeKind | undefined,
  ofBoard: readonly number[],
): Fault | undefined {
  const { slot, bridge } = entry;
  const { first, last, holds } = within ? BUSES[within] : ROOT_BUS;
  const owner = within ? `a ${within}` : "the board";
  if (slot < first) return { path: ["slot"], message: `slots below ${first} belong to ${owner}` };
  if (slot > last) {
    const message = within && first === last
      ? `${owner} has slot ${first} only`
      : `slots above ${last} belong to ${owner}`;
    return { path: ["slot"], message };
  }
  if (ofBoard.includes(slot)) return { path: ["slot"], message: takenText(slot) };
  if (!holds.includes(bridge ?? "device")) {
    const where = within ? `behind a ${within}` : "on the root bus";
    const message = `${where} there can be ${holds.join(", ")}, not ${bridge ? `a ${bridge}` : "a device"}`;
    return { path: [bridge ? "bridge" : "slot"], message };
  }
  const key = bridge ? keyOfDevices(entry) : keyOfBridges(entry);
  if (key !== undefined) {
    return { path: [key], message: bridge ? `a ${bridge} has none; leave it out` : "write bridge as well" };
  }
  if (bridge === "pxb-pcie" && entry.bus === undefined) {
    return { path: ["bridge"], message: "a pxb-pcie is a root bus of its own; write bus, its number" };
  }
  return undefined;
}

/** What only devices have, and a bridge was given. */
const keyOfDevices = (
  { bridge, name, device, functions, acs, bus, translated }: Entry,
): string | undefined =>
  Object.entries({
    name,
    device,
    functions: functions === 1 ? undefined : functions,
    acs: bridge === "pcie-root-port" ? undefined : acs,
    bus: bridge === "pxb-pcie" ? undefined : bus,
    translated: bridge === "pxb-pcie" ? undefined : translated,
  }).find(([, value]) => value !== undefined)?.[0];

/** The other way round. */
const keyOfBridges = ({ acs, bus, translated, devices }: Entry): string | undefined =>
  Object.entries({ acs, bus, translated, devices }).find(([, value]) => value !== undefined)?.[0];

const takenText = (slot: number, number = 0): string =>
  `${number === 0 ? "" : `function ${number} of `}slot ${slot} is taken already; write another`;

function takenFault({ slot, function: first, functions }: Entry, taken: Set<string>): Fault | undefined {
  const numbers = Array.from({ length: functions }, (_, index) => first + index);
  if (numbers.some((number) => number >= FUNCTIONS_OF_A_SLOT)) {
    return { path: ["functions"], message: `a slot has ${FUNCTIONS_OF_A_SLOT} functions; write fewer` };
  }
  const double = numbers.find((number) => taken.has(`${slot}.${number}`));
  for (const number of numbers) taken.add(`${slot}.${number}`);
  if (double === undefined) return undefined;
  return { path: [double === 0 ? "slot" : "function"], message: takenText(slot, double) };
}
