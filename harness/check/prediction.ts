/** Prediction: a scenario played on the model alone, which tells what to ask the guest and what to expect. */
import { ConfigError, positionText } from "../config.ts";
import { HandleError } from "../model/lifecycle.ts";
import type { World } from "../model/world.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Assignment } from "./assignment.ts";
import { ModelPlay, type Played, type PlayTarget } from "./model_play.ts";
import { BrokenInvariant } from "./two_models.ts";

/** A scenario as it is going to be played. */
export interface Prediction extends Played {
  /** Where the author disagrees with the model; the scenario or the model is wrong. */
  readonly contradictions: readonly ConfigError[];
}

/**
 * Plays a scenario on two models in step: one that does what is right, one that has the known faults of the
 * kernel version. The latter decides what conditional steps unfold to, since it is what the guest will do.
 *
 * @throws ConfigError where a step can't be played: a handle that isn't open, an address that doesn't fit; and for
 * devices that aren't given back
 * @throws BrokenInvariant where the model goes wrong
 */
export function predict(scenario: Scenario, assignment: Assignment, target: PlayTarget): Prediction {
  const play = new ModelPlay(scenario, assignment, target);
  const contradictions: ConfigError[] = [];
  for (const step of scenario.steps) {
    try {
      const fault = play.step(step);
      if (fault !== undefined) contradictions.push(new ConfigError(step.position, `${step.text}: ${fault}`));
    } catch (error) {
      const where = `${positionText(step.position)}: ${step.text}`;
      if (error instanceof BrokenInvariant) throw new BrokenInvariant(`${where}: ${error.message}`);
      if (!(error instanceof HandleError || error instanceof RangeError)) throw error;
      throw new ConfigError(step.position, `${step.text}: ${error.message}`);
    }
  }
  requireDevicesBack(scenario, play.state.world);
  return { ...play.end(), contradictions };
}

/** Other scenarios are played on the same guest, and nothing but their own steps gives devices back. */
function requireDevicesBack({ position }: Scenario, world: World): void {
  for (const [name, { drivers }] of world) {
    if (drivers.every((driver) => driver === "vfio-pci")) continue;
    throw new ConfigError(
      position,
      `at the end vfio-pci lacks devices of group ${name}; give them back with rescan or driver`,
    );
  }
}
