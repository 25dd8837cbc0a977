/** What the scenarios of a cell come to, found out before a guest boots. */
import { predictedGroups } from "../machine/predicted.ts";
import { FatalFault } from "../model/dma.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { assignGroups, type Assignment, type Target, whyNot } from "./assignment.ts";
import type { CellPlan } from "./cell_plan.ts";
import { predict, type Prediction } from "./prediction.ts";

/** A scenario that is ready to be played, or the reason why it can't be here. */
export type Prepared =
  & { readonly scenario: Scenario }
  & ({ readonly whyNot: string } | { readonly assignment: Assignment; readonly prediction: Prediction });

/** A cell of which it is known what every scenario will ask and should be answered. */
export interface PreparedCell {
  readonly plan: CellPlan;
  readonly target: Target;
  /** In the order in which they are played. */
  readonly scenarios: readonly Prepared[];
}

/**
 * Plays the scenarios of a cell on the model.
 * @throws ConfigError for a scenario that can't be played as it is written
 */
export function prepareCell(plan: CellPlan): PreparedCell {
  const target = targetOf(plan);
  const played = plan.skip === undefined ? inOrder(plan.scenarios) : [];
  return { plan, target, scenarios: played.map((scenario) => prepare(scenario, target)) };
}

/** The order to play in: what leaves the guest unfit for others comes last, so that it costs no further boot. */
export const inOrder = (scenarios: readonly Scenario[]): Scenario[] =>
  scenarios.toSorted((a, b) => Number(a.leaks) - Number(b.leaks));

/** What a cell's scenarios are held against. */
export function targetOf(
  { machine, kernelVersion, kernelOptions, qemuVersion, lackOfModules, ignoresDeviations }: Pick<
    CellPlan,
    "machine" | "kernelVersion" | "kernelOptions" | "qemuVersion" | "lackOfModules" | "ignoresDeviations"
  >,
): Target {
  return {
    groups: predictedGroups(machine, { kernel: kernelVersion, qemu: qemuVersion }),
    iommuKind: machine.iommu.kind,
    memoryBytes: BigInt(machine.memoryMib) << 20n,
    version: kernelVersion,
    options: kernelOptions,
    lackOfModules,
    ...(ignoresDeviations ? { deviations: new Set() } : {}),
  };
}

/**
 * Finds out what a scenario comes to on a machine.
 * @throws UsageError when the scenario can't be played as written, or its author disagrees with the model
 */
export function prepare(scenario: Scenario, target: Target): Prepared {
  const reason = whyNot(scenario, target);
  if (reason !== undefined) return { scenario, whyNot: reason };
  const assignment = assignGroups(scenario, target);
  let prediction;
  try {
    prediction = predict(scenario, assignment, target);
  } catch (error) {
    if (error instanceof FatalFault) return { scenario, whyNot: error.message };
    throw error;
  }
  const contradiction = prediction.contradictions[0];
  if (contradiction) throw contradiction;
  return { scenario, assignment, prediction };
}
