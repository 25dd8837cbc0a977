/** Which functions the kernel puts into one IOMMU group. [spec §9.8; kernel: pci_device_group] */
import {
  addressesOf,
  addressOf,
  type Bridge,
  functionsAt,
  isBridge,
  type Place,
  type Topology,
} from "./topology.ts";

/** Buses on which the bridge makes requests in its own name, whoever asked for them. [kernel: pci_for_each_dma_alias] */
const CONVENTIONAL: readonly Bridge["kind"][] = ["pcie-pci-bridge", "pci-bridge"];

export const isConventional = (bridge: Bridge | undefined): boolean =>
  bridge !== undefined && CONVENTIONAL.includes(bridge.kind);

/** The bridge above, as far as the kernel knows it for one: a further root bus has none. */
export const above = ({ bridge }: Place): Bridge | undefined =>
  bridge?.kind === "pxb-pcie" ? undefined : bridge;

/**
 * The PCI addresses that share a group, bridges among them; what no IOMMU translates is in none. Groups of slots come
 * first, in the order of these.
 */
export function groupsOf(topology: Topology): string[][] {
  const { slots, bridges } = topology;
  const shared = sharedSlots(topology);
  const isTranslated = ({ bridge }: Place) => bridge?.isTranslated ?? true;
  const functions = [
    ...slots.filter(isTranslated).flatMap((slot) =>
      addressesOf(slot).map((address) => ({ address, place: slot }))
    ),
    ...bridges.filter(isTranslated).map((bridge) => ({ address: addressOf(bridge), place: bridge })),
  ];
  return [...Map.groupBy(functions, ({ place }) => groupKey(place, shared)).values()]
    .map((members) => members.map(({ address }) => address).sort());
}

/** What all members of a group have in common, and nobody else has. */
function groupKey(place: Place, shared: ReadonlySet<string>): string {
  const lone = isolated(requester(place), shared);
  const slot = slotKey(lone);
  return shared.has(slot) && !(isBridge(lone) && lone.hasAcs) ? slot : addressOf(lone);
}

/** In whose name the function makes requests: that of the topmost conventional bridge that it is behind. */
function requester(place: Place): Place {
  let found = place;
  for (let bridge = above(place); bridge; bridge = above(bridge)) {
    if (isConventional(bridge)) found = bridge;
  }
  return found;
}

/** From there up to where nothing can be reached past the IOMMU any more. */
function isolated(place: Place, shared: ReadonlySet<string>): Place {
  let lone = place;
  for (let bridge = above(place); bridge && !isolates(bridge, shared); bridge = above(bridge)) lone = bridge;
  return lone;
}

/**
 * Whether this and everything above it sends requests upwards only. The lone upstream port of a switch has no
 * neighbour to send them to. [kernel: pci_acs_path_enabled]
 */
function isolates(bridge: Bridge, shared: ReadonlySet<string>): boolean {
  const isAlone = bridge.kind === "x3130-upstream" && !shared.has(slotKey(bridge));
  const next = above(bridge);
  return (bridge.hasAcs || isAlone) && (!next || isolates(next, shared));
}

const slotKey = (place: Place): string => addressOf({ ...place, function: 0 }).replace(/\.0$/, "");

/** Slots of several functions, none of which is shut off from the others unless it says so. */
const sharedSlots = (topology: Topology): ReadonlySet<string> =>
  new Set(
    [...topology.slots, ...topology.bridges]
      .filter((place) => functionsAt(place, topology) > 1).map(slotKey),
  );
