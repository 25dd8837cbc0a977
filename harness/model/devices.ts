/** What becomes of a group's devices: other drivers, and no device any more. [spec §1.1, §1.3, §1.4 rows 5 and 8] */
import { ok, refused } from "./answer.ts";
import { HandleError } from "./lifecycle.ts";
import { entryOf, type Outcome, type State } from "./state.ts";
import type { Driver, Group } from "./world.ts";

const withGroup = (state: State, name: string, change: Partial<Group>): State => {
  const world = new Map(state.world);
  world.set(name, { ...entryOf(state.world, name), ...change });
  return { ...state, world };
};

/** Takes a device away from its driver, which only other devices of the group make a matter for users. */
export function unbind(state: State, name: string, index: number): Outcome {
  return { state: withDriver(state, name, index, "none"), answer: ok() };
}

/**
 * Gives a device without driver to one. One that is none of VFIO's owns the group's DMA from then on; it
 * can't while somebody else does. [spec §19; kernel: iommu_device_use_default_domain, bind_store]
 */
export function bind(state: State, name: string, index: number, driver: Driver): Outcome {
  const isInUse = state.groups.get(name)?.container !== undefined;
  if (driver === "uio_pci_generic" && isInUse) return { state, answer: refused("EBUSY") };
  return { state: withDriver(state, name, index, driver), answer: ok() };
}

function withDriver(state: State, name: string, index: number, driver: Driver): State {
  const { drivers } = entryOf(state.world, name);
  if (index >= drivers.length) throw new RangeError(`group ${name} has no device ${index + 1}`);
  return withGroup(state, name, { drivers: drivers.with(index, driver) });
}

/** Takes the only device of a group out of the machine. */
export function remove(state: State, name: string): Outcome {
  const { drivers } = entryOf(state.world, name);
  if (drivers.length > 1) throw new RangeError(`group ${name} has further devices`);
  if (state.groups.get(name)?.container !== undefined) throw new HandleError(`group ${name} is in use`);
  return { state: withGroup(state, name, { isGone: true }), answer: ok() };
}

/** The device is found again, and has a group of the same number as before once nobody holds the old one. */
export function rescan(state: State, name: string): Outcome {
  if (state.groups.has(name)) throw new HandleError(`group ${name} is still open`);
  return { state: withGroup(state, name, { isGone: false }), answer: ok() };
}
