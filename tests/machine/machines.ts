/** Machines for examples. */
import { type Machine, parseMachines } from "../../harness/machine/machine.ts";
import { type KernelVersion, parseVersion } from "../../harness/model/version.ts";

/** A machine with this IOMMU; by default two groups of one device and one of two. */
export function machineWith(
  iommu: string,
  devices = "[slot: 3, slot: 4, { slot: 6, functions: 2 }]",
  arch = "amd64",
): Machine {
  const [machine] = parseMachines(
    `machine: m\narch: ${arch}\niommu: ${iommu}\ndevices: ${devices}\n`,
    "m.yaml",
  );
  if (!machine) throw new Error("no machine");
  return machine;
}

export function version(text: string): KernelVersion {
  const parsed = parseVersion(text);
  if (!parsed) throw new Error(`${text} is no version`);
  return parsed;
}
