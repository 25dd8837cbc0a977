/** Scenarios and machines for examples, without a guest. */
import { type Cast, castScenario, type Stage } from "../../harness/check/cast.ts";
import { type Rehearsal, rehearse } from "../../harness/check/rehearsal.ts";
import { predictedGroups } from "../../harness/machine/predicted.ts";
import { parseScenarios, type Scenario } from "../../harness/scenario/scenario.ts";
import { machineWith, version } from "../machine/machines.ts";

export const FILE = "seed/a.yaml";

export const INTEL = "{ kind: intel, address-bits: 39 }";
export const AMD = "{ kind: amd }";
export const VIRTIO = "{ kind: virtio, address-bits: 39 }";

/** Two groups of one device and one of two, seen by a kernel. */
export function stageOf(iommu = INTEL, kernel = "6.12.117"): Stage {
  const machine = machineWith(iommu);
  const groups = predictedGroups(machine, { kernel: version(kernel), qemu: version("10.0.13") });
  const memoryBytes = BigInt(machine.memoryMib) << 20n;
  return { groups, iommuKind: machine.iommu.kind, memoryBytes, version: version(kernel) };
}

/** The scenario seed/one with these lines below its name and rule. */
export function scenarioOf(...lines: string[]): Scenario {
  const [scenario] = parseScenarios(["scenario: one", "rule: §1", ...lines].join("\n"), FILE, "seed");
  if (!scenario) throw new Error("no scenario");
  return scenario;
}

export interface Rehearsed {
  readonly scenario: Scenario;
  readonly cast: Cast;
  readonly rehearsal: Rehearsal;
}

export function rehearsed(scenario: Scenario, stage = stageOf()): Rehearsed {
  const cast = castScenario(scenario, stage);
  return { scenario, cast, rehearsal: rehearse(scenario, cast, stage) };
}
