/** Where a machine's devices are: in slots of the root bus, or behind bridges, on buses of their own. */
import type { DeviceKind } from "../model/world.ts";

/** What has a bus of its own, by QEMU's name. */
export const BRIDGE_KINDS = [
  "pcie-root-port",
  "x3130-upstream",
  "xio3130-downstream",
  "pcie-pci-bridge",
  "pci-bridge",
  "pxb-pcie",
] as const;
export type BridgeKind = typeof BRIDGE_KINDS[number];

/** An entry of `devices` as a machine file has it. */
export interface Entry {
  readonly slot: number;
  readonly function: number;
  readonly name?: string | undefined;
  readonly device?: DeviceKind | undefined;
  readonly functions: number;
  readonly bridge?: BridgeKind | undefined;
  readonly acs?: boolean | undefined;
  readonly bus?: number | undefined;
  readonly translated?: boolean | undefined;
  readonly devices?: readonly Entry[] | undefined;
  readonly reserved: readonly string[];
}

/** Where a function is. */
export interface Place {
  /** What it is behind; undefined on the root bus. */
  readonly bridge: Bridge | undefined;
  /** PCI device number on its bus. */
  readonly slot: number;
  /** The first function, of those that have several. */
  readonly function: number;
}

/** A device, or several functions of one. */
export interface Slot extends Place {
  /** By which scenarios ask for its group. */
  readonly name: string | undefined;
  readonly device: DeviceKind;
  readonly functions: number;
}

/** A bridge, or what QEMU makes a further root bus of. */
export interface Bridge extends Place {
  readonly kind: BridgeKind;
  /** Number of the bus behind it. */
  readonly bus: number;
  /** Access control services: it keeps what is behind it from reaching anything but memory. [PCIe: 6.12] */
  readonly hasAcs: boolean;
  /** The IOMMU translates what is behind it. [QEMU: bypass_iommu] */
  readonly isTranslated: boolean;
}

/** All that a machine file says of places. */
export interface Topology {
  readonly slots: readonly Slot[];
  /** Each before what is behind it. */
  readonly bridges: readonly Bridge[];
}

/** A fault, and where it stands below `devices`. */
export interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

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
export const faultsOf = (entries: readonly Entry[], ofBoard: readonly number[]): Fault[] => [
  ...placeFaults(entries, ofBoard, undefined),
  ...rootBusFaults(entries),
  ...nameFaults(entries, new Set()),
];

/** Bridges of the root bus alone are root buses themselves. */
function rootBusFaults(entries: readonly Entry[]): Fault[] {
  return entries.flatMap(({ bus }, index) => {
    if (bus === undefined || entries.findIndex((other) => other.bus === bus) === index) return [];
    const message = `another root bus has number 0x${bus.toString(16)}; write another`;
    return [{ path: [index, "bus"], message }];
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

/** An entry, where it stands below `devices`, and the place that it is about. */
export interface Placed {
  readonly entry: Entry;
  readonly path: readonly (string | number)[];
  readonly place: Slot | Bridge;
}

/** Every device and every bridge of these entries, each before what is behind it. */
export function placed(entries: readonly Entry[]): Placed[] {
  const buses = busNumbers(entries);
  const visit = (
    entries: readonly Entry[],
    behind: Bridge | undefined,
    above: Placed["path"],
  ): Placed[] =>
    entries.flatMap((entry, index) => {
      const path = [...above, index];
      const position = { bridge: behind, slot: entry.slot, function: entry.function };
      if (!entry.bridge) {
        const { name, device = "edu", functions } = entry;
        return [{ entry, path, place: { ...position, name, device, functions } }];
      }
      const bridge: Bridge = {
        ...position,
        kind: entry.bridge,
        bus: buses.get(entry) ?? 0,
        hasAcs: entry.bridge === "pcie-root-port" && entry.acs !== false,
        isTranslated: (behind?.isTranslated ?? true) && entry.translated !== false,
      };
      return [
        { entry, path, place: bridge },
        ...visit(entry.devices ?? [], bridge, [...path, "devices"]),
      ];
    });
  return visit(entries, undefined, []);
}

export const isBridge = (place: Place): place is Bridge => "kind" in place;

/** The same without the entries. */
export function layOut(entries: readonly Entry[]): Topology {
  const places = placed(entries).map(({ place }) => place);
  return {
    slots: places.filter((place): place is Slot => !isBridge(place)),
    bridges: places.filter(isBridge),
  };
}

/**
 * The bus behind each bridge: SeaBIOS numbers them as it comes to them, what is behind a bridge before its
 * neighbour. A further root bus has its number from QEMU, and what is behind it counts from there.
 * [SeaBIOS: pci_bios_init_bus_rec]
 */
function busNumbers(entries: readonly Entry[]): ReadonlyMap<Entry, number> {
  const buses = new Map<Entry, number>();
  const number = (entries: readonly Entry[], last: number): number => {
    const bridges = entries.filter(({ bridge }) => bridge !== undefined);
    for (const entry of bridges.toSorted((a, b) => a.slot - b.slot || a.function - b.function)) {
      const isRoot = entry.bridge === "pxb-pcie";
      const bus = isRoot ? entry.bus ?? 0 : last + 1;
      buses.set(entry, bus);
      const deepest = number(entry.devices ?? [], bus);
      if (!isRoot) last = deepest;
    }
    return last;
  };
  number(entries, 0);
  return buses;
}

/** How many functions a slot has. */
export const functionsAt = ({ bridge, slot }: Place, { slots, bridges }: Topology): number =>
  [...slots, ...bridges]
    .filter((other) => other.slot === slot && other.bridge === bridge)
    .reduce((sum, other) => sum + ("functions" in other ? other.functions : 1), 0);

/**
 * Whether a running QEMU can take the device out and put it in again: behind every bridge it can, on root buses it
 * can't; functions of one slot can only go together.
 */
export const isPluggable = (slot: Slot, topology: Topology): boolean =>
  slot.bridge !== undefined && functionsAt(slot, topology) === 1;

/** Number of the bus behind a bridge; 0 is the root bus. */
export const busOf = (bridge: Bridge | undefined): number => bridge?.bus ?? 0;

const hexOf = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

/** `0000:00:05.0` */
export const addressOf = ({ bridge, slot, function: number }: Place): string =>
  `0000:${hexOf(busOf(bridge), 2)}:${hexOf(slot, 2)}.${number}`;

/** The PCI addresses at a place: those of a slot's functions, or that of a bridge. */
export const allAddressesOf = (place: Slot | Bridge): string[] =>
  isBridge(place) ? [addressOf(place)] : addressesOf(place);

/** PCI addresses of a slot's functions. */
export const addressesOf = ({ functions, ...place }: Place & Pick<Slot, "functions">): string[] =>
  Array.from({ length: functions }, (_, index) => addressOf({ ...place, function: place.function + index }));
