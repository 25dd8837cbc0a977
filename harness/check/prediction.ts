/** Prediction: a scenario played on the model alone, which tells what to ask the guest and what to expect. */
import { ConfigError, positionText } from "../config.ts";
import { type Answer, answerText } from "../model/answer.ts";
import { HandleError } from "../model/lifecycle.ts";
import { leakedAtClose } from "../model/locked_memory.ts";
import { type DeviationName, deviationsOf, semanticsOf } from "../model/semantics.ts";
import { initialState } from "../model/state.ts";
import type { KernelVersion } from "../model/version.ts";
import type { World } from "../model/world.ts";
import { contradiction } from "../scenario/expectation.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Step } from "../scenario/step.ts";
import { injectionActions } from "../scenario/steps/injection.ts";
import { allowUnsafeInterruptsAction } from "../scenario/steps/parameter.ts";
import { placementActions } from "../scenario/steps/placement.ts";
import type { Assignment, Target } from "./assignment.ts";
import { BrokenInvariant, type PredictedAction, TwoModels } from "./two_models.ts";

/** A scenario as it is going to be played. */
export interface Prediction {
  readonly actions: readonly PredictedAction[];
  /** Known faults of the kernel version that the predictions include. */
  readonly deviations: readonly DeviationName[];
  /** Whether the guest has the modules of guests/, and is to be asked whether they did as they were told. */
  readonly hasModules: boolean;
  /** Pages that stay locked when everything is closed. */
  readonly leakedPages: bigint;
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
export function predict(
  scenario: Scenario,
  assignment: Assignment,
  { version, memoryBytes, lackOfModules }: Pick<Target, "version" | "memoryBytes" | "lackOfModules">,
): Prediction {
  const models = new TwoModels(version, assignment.world, memoryBytes);
  const needsParameter = !assignment.plainGroup.iommu.isolatesInterrupts;
  for (const action of placementActions(assignment.pretended)) models.execute(action);
  const hasModules = lackOfModules === undefined;
  const { injected, world } = assignment;
  for (const action of injectionActions(injected, world, scenario.listOrder, hasModules)) {
    models.execute(action);
  }
  models.execute(allowUnsafeInterruptsAction(scenario.allowUnsafeInterrupts ?? needsParameter));
  const contradictions: ConfigError[] = [];
  for (const [index, step] of scenario.steps.entries()) {
    try {
      const fault = play(models, step, index, assignment);
      if (fault !== undefined) contradictions.push(new ConfigError(step.position, `${step.text}: ${fault}`));
    } catch (error) {
      const where = `${positionText(step.position)}: ${step.text}`;
      if (error instanceof BrokenInvariant) throw new BrokenInvariant(`${where}: ${error.message}`);
      if (!(error instanceof HandleError || error instanceof RangeError)) throw error;
      throw new ConfigError(step.position, `${step.text}: ${error.message}`);
    }
  }
  requireDevicesBack(scenario, models.real.world);
  models.showMappings(scenario.steps.length - 1);
  const actions = models.takeActions();
  const leakedPages = leakedAtClose(models.real);
  const deviations = exercisedDeviations(actions, leakedPages, assignment, version);
  return { actions, deviations, hasModules, leakedPages, contradictions };
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

/** Plays one step with the read-backs that belong to it; returns what the author says otherwise. */
function play(
  models: TwoModels,
  step: Step,
  index: number,
  { symbols, plainGroup }: Assignment,
): string | undefined {
  const actions = step.unfold({ symbols, state: () => models.real });
  let answer: Answer = { errno: null, values: {} };
  let next = actions.next();
  while (!next.done) {
    const { right, real } = models.perform(next.value, index);
    answer = right.answer;
    next = actions.next(real);
  }
  return contradiction(step.expect, { answer, state: models.right, plainGroup, symbols });
}

/**
 * The deviations without which the kernel would be predicted to answer otherwise, or to keep other pages
 * locked: those that this scenario exercises. There is none where both models agree, which saves playing most
 * scenarios once for each.
 */
function exercisedDeviations(
  actions: readonly PredictedAction[],
  leakedPages: bigint,
  assignment: Assignment,
  version: KernelVersion,
): DeviationName[] {
  const isRightThroughout = leakedPages === 0n &&
    actions.every(({ right, real }) => right === real || answerText(right) === answerText(real));
  if (isRightThroughout) return [];
  const all = deviationsOf(version);
  return [...all].filter((name) => {
    const others = new Set([...all].filter((other) => other !== name));
    let state = initialState(semanticsOf(version, others), assignment.world);
    const answersOtherwise = actions.some(({ action, real }) => {
      const outcome = action.apply(state);
      state = outcome.state;
      return answerText(outcome.answer) !== answerText(real);
    });
    return answersOtherwise || leakedAtClose(state) !== leakedPages;
  });
}
