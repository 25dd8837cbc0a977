/** Calls that no program should make, and what they are told. [spec §1.1, §1.3, §1.4 row 1] */
import { type Errno, ok, refused } from "./answer.ts";
import { openContainer, openGroup } from "./lifecycle.ts";
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
  if (call === "get-api-version") return { state, answer: ok({ value: "0" }) };
  if (!type1) return { state, answer: refused("EINVAL") };
  if (call === "unknown") return { state, answer: refused("ENOTTY") };
  const isOfNoUse = call === "dirty" && type1.unmapRules === 1;
  return { state, answer: refused(isOfNoUse ? "EACCES" : "EFAULT") };
}

/** An ioctl of a group with a null pointer. */
export function misuseGroup(state: State, name: string, call: GroupCall): Outcome {
  openGroup(state, name);
  return { state, answer: refused(call === "unknown" ? "ENOTTY" : "EFAULT") };
}

/** What isn't done with a container's descriptor. */
export const POKES = ["read", "write", "mmap"] as const;
export type Poke = typeof POKES[number];

/** Reads and writes aren't offered; what a mapping is told depends on the version. [spec §1.1; kernel: vfio_fops] */
export function pokeContainer(state: State, key: string, poke: Poke): Outcome {
  openContainer(state, key);
  const fault: Errno = poke === "mmap" ? state.semantics.containerMmapErrno : "EINVAL";
  return { state, answer: refused(fault) };
}
