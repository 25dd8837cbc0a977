/** Sequences that are ready to be played. */
import { assignGroups, type Assignment, type Target, whyNot } from "../check/assignment.ts";
import { predict, type Prediction } from "../check/prediction.ts";
import { UsageError } from "../errors.ts";
import { FatalFault } from "../model/dma.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { scenarioOf, type Sequence } from "./sequence.ts";

/** A sequence, and all that the models say of it on a machine. */
export interface Playable {
  readonly sequence: Sequence;
  readonly scenario: Scenario;
  readonly assignment: Assignment;
  readonly prediction: Prediction;
}

/** What a changed sequence comes to; undefined when it makes no sense any more. */
export function playableOf(sequence: Sequence, name: string, target: Target): Playable | undefined {
  try {
    const scenario = scenarioOf(sequence, name);
    if (whyNot(scenario, target) !== undefined) return undefined;
    const assignment = assignGroups(scenario, target);
    return { sequence, scenario, assignment, prediction: predict(scenario, assignment, target) };
  } catch (error) {
    if (error instanceof UsageError || error instanceof FatalFault) return undefined;
    throw error;
  }
}
