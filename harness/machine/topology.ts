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

export const isBridge = (place: Place): place is Bridge => "kind" in place;

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
