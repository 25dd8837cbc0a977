/** From the entries of a machine file to the places that they stand for. */
import type { DeviceKind } from "../model/world.ts";
import { type Bridge, type BridgeKind, isBridge, type Slot, type Topology } from "./topology.ts";

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
