/** Calls that no program should make, and what they are told. [spec §1.1, §1.3, §1.4 row 1] */
import { ok, refused } from "./answer.ts";
import { NO_IOMMU, openContainer, openGroup } from "./lifecycle.ts";
import type { Outcome, State } from "./state.ts";

/** Calls of a container's descriptor without anything behind their pointer. */
export const CONTAINER_CALLS = ["get-api-version", "get-info", "map", "unmap", "dirty", "unknown"] as const;
export type ContainerCall = typeof CONTAINER_CALLS[number];

/** The same of a group's. */
export const GROUP_CALLS = ["get-status", "set-container", "get-device-fd", "unknown"] as const;
export type GroupCall = typeof GROUP_CALLS[number];

/** An ioctl of a container with a null pointer. Without an IOMMU nobody gets as far as the pointer. */
export function misuseContainer(state: State, key: string, call: ContainerCall): Outcome {
  const { type1 } = openContainer(state, key);
  if (call === "get-api-version") return { state, answer: ok({ value: "0" }, "§1.1 row 5") };
  if (!type1) return { state, answer: NO_IOMMU };
  if (call === "unknown") return { state, answer: refused("ENOTTY", "§1.1 row 7") };
  const isOfNoUse = call === "dirty" && type1.unmapRules === 1;
  return { state, answer: isOfNoUse ? refused("EACCES", "§7.1 row 1") : NO_POINTER[call] };
}

/** What a call without anything behind its pointer is told, once somebody looks there. */
const NO_POINTER = {
  "get-info": refused("EFAULT", "§6.1 row 1"),
  map: refused("EFAULT", "§4.1 row 1"),
  unmap: refused("EFAULT", "§5.1 row 1"),
  dirty: refused("EFAULT", "§7.1 row 2"),
  "get-status": refused("EFAULT", "§1.3"),
  "set-container": refused("EFAULT", "§1.4 row 1"),
  "get-device-fd": refused("EFAULT", "§1.6 row 2"),
};

/** An ioctl of a group with a null pointer. */
export function misuseGroup(state: State, name: string, call: GroupCall): Outcome {
  openGroup(state, name);
  return { state, answer: call === "unknown" ? refused("ENOTTY", "§1.1 row 8") : NO_POINTER[call] };
}

/** What isn't done with a container's descriptor. */
export const POKES = ["read", "write", "mmap"] as const;
export type Poke = typeof POKES[number];

/** Reads and writes aren't offered; what a mapping is told depends on the version. [spec §1.1; kernel: vfio_fops] */
export function pokeContainer(state: State, key: string, poke: Poke): Outcome {
  openContainer(state, key);
  const answer = poke === "mmap"
    ? refused(state.semantics.containerMmapErrno, "§1.1 row 10")
    : refused("EINVAL", "§1.1 row 9");
  return { state, answer };
}
