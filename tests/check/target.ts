/** Scenarios and machines for examples, without a guest. */
import { assignGroups, type Assignment, type Target } from "../../harness/check/assignment.ts";
import { predict, type Prediction } from "../../harness/check/prediction.ts";
import type { Machine } from "../../harness/machine/machine.ts";
import { predictedGroups } from "../../harness/machine/predicted.ts";
import { parseScenarios, type Scenario } from "../../harness/scenario/scenario.ts";
import { machineWith, version } from "../machine/machines.ts";

export const FILE = "seed/a.yaml";

export const INTEL = "{ kind: intel, address-bits: 39 }";
export const AMD = "{ kind: amd }";
export const VIRTIO = "{ kind: virtio, address-bits: 39 }";

/** What kernels of distributions are built with. */
const OPTIONS = new Set([
  "CONFIG_BLK_DEV_RAM",
  "CONFIG_UIO_PCI_GENERIC",
  "CONFIG_PCI_STUB",
  "CONFIG_TRANSPARENT_HUGEPAGE",
]);

/** A device on the root bus, and one that can be unplugged. */
export const PLUGGABLE = "[slot: 3, { slot: 4, bridge: pcie-root-port, devices: [slot: 0] }]";

/** Two groups of one device and one of two, if nothing else is said, seen by a kernel. */
export function targetOf(iommu = INTEL, kernel = "6.12.117", devices?: string): Target {
  return targetOn(machineWith(iommu, devices), kernel);
}

/** What a kernel sees of a machine, with a QEMU that has everything. */
export function targetOn(machine: Machine, kernel: string): Target {
  const groups = predictedGroups(machine, { kernel: version(kernel), qemu: version("10.0.13") });
  const memoryBytes = BigInt(machine.memoryMib) << 20n;
  return { groups, iommuKind: machine.iommu.kind, memoryBytes, version: version(kernel), options: OPTIONS };
}

/** The scenario seed/one with these lines below its name and rule. */
export function scenarioOf(...lines: string[]): Scenario {
  const [scenario] = parseScenarios(["scenario: one", "rule: §1", ...lines].join("\n"), FILE, "seed");
  if (!scenario) throw new Error("no scenario");
  return scenario;
}

export interface Prepared {
  readonly scenario: Scenario;
  readonly assignment: Assignment;
  readonly prediction: Prediction;
}

export function prepared(scenario: Scenario, target = targetOf()): Prepared {
  const assignment = assignGroups(scenario, target);
  return { scenario, assignment, prediction: predict(scenario, assignment, target) };
}
