/** Prediction: a scenario played on the model alone, which tells what to ask the guest and what to expect. */
import { ConfigError, positionText } from "../config.ts";
import { type Answer, answerText } from "../model/answer.ts";
import { PAGE_SIZE } from "../model/constants.ts";
import { brokenInvariants } from "../model/invariants.ts";
import { HandleError } from "../model/lifecycle.ts";
import { leakedAtClose, pinnedPages } from "../model/locked_memory.ts";
import { hex } from "../model/range_list.ts";
import { type DeviationName, deviationsOf, semanticsOf } from "../model/semantics.ts";
import { initialState, type Outcome, type State } from "../model/state.ts";
import type { KernelVersion } from "../model/version.ts";
import type { Action, Changes } from "../scenario/action.ts";
import { contradiction } from "../scenario/expectation.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Step } from "../scenario/step.ts";
import { readBackAction } from "../scenario/steps/info.ts";
import { injectionActions } from "../scenario/steps/injection.ts";
import { allowUnsafeInterruptsAction } from "../scenario/steps/parameter.ts";
import { mappingsAlive } from "../scenario/steps/verify.ts";
import type { Assignment, Target } from "./assignment.ts";

/** One operation with its predictions. */
export interface PredictedAction {
  readonly action: Action;
  /** Counts from 0; undefined for what prepares the scenario. */
  readonly stepIndex: number | undefined;
  /** What is right. */
  readonly right: Answer;
  /** What a kernel of this version says, known deviations included. */
  readonly real: Answer;
}

/** A scenario as it is going to be played. */
export interface Prediction {
  readonly actions: readonly PredictedAction[];
  /** Known faults of the kernel version that the predictions include. */
  readonly deviations: readonly DeviationName[];
  /** Pages that stay locked when everything is closed. */
  readonly leakedPages: bigint;
  /** Where the author disagrees with the model; the scenario or the model is wrong. */
  readonly contradictions: readonly ConfigError[];
}

/** The model contradicts itself: a fault of iovacheck, whatever the scenario asks for. */
export class BrokenInvariant extends Error {
  override readonly name: string = "BrokenInvariant";
}

/**
 * Plays a scenario on two models in step: one that does what is right, one that has the known faults of the
 * kernel version. The latter decides what conditional steps unfold to, since it is what the guest will do.
 *
 * @throws ConfigError where a step can't be played: a handle that isn't open, an address that doesn't fit
 * @throws BrokenInvariant where the model goes wrong
 */
export function predict(
  scenario: Scenario,
  assignment: Assignment,
  { version, memoryBytes }: Pick<Target, "version" | "memoryBytes">,
): Prediction {
  const models = new TwoModels(version, assignment, memoryBytes / MAPPABLE_PART);
  const needsParameter = !assignment.plainGroup.iommu.isolatesInterrupts;
  for (const action of injectionActions(assignment.injected, assignment.world, scenario.listOrder)) {
    models.execute(action, undefined);
  }
  models.execute(allowUnsafeInterruptsAction(scenario.allowUnsafeInterrupts ?? needsParameter), undefined);
  const contradictions: ConfigError[] = [];
  for (const [index, step] of scenario.steps.entries()) {
    try {
      const fault = models.play(step, index);
      if (fault !== undefined) contradictions.push(new ConfigError(step.position, `${step.text}: ${fault}`));
    } catch (error) {
      const where = `${positionText(step.position)}: ${step.text}`;
      if (error instanceof BrokenInvariant) throw new BrokenInvariant(`${where}: ${error.message}`);
      if (!(error instanceof HandleError || error instanceof RangeError)) throw error;
      throw new ConfigError(step.position, `${step.text}: ${error.message}`);
    }
  }
  models.showMappings(scenario.steps.length - 1);
  const { actions } = models;
  const leakedPages = leakedAtClose(models.real);
  const deviations = exercisedDeviations(actions, leakedPages, assignment, version);
  return { actions, deviations, leakedPages, contradictions };
}

/** How much of a guest's memory may be mapped at a time: the rest is for whoever else lives there. */
const MAPPABLE_PART = 4n;

/** The two models side by side. */
class TwoModels {
  readonly actions: PredictedAction[] = [];
  right: State;
  real: State;
  readonly #assignment: Assignment;
  readonly #mappableBytes: bigint;

  constructor(version: KernelVersion, assignment: Assignment, mappableBytes: bigint) {
    this.right = initialState(semanticsOf(version, new Set()), assignment.world);
    this.real = initialState(semanticsOf(version, deviationsOf(version)), assignment.world);
    this.#assignment = assignment;
    this.#mappableBytes = mappableBytes;
  }

  /** Lets both models do one thing; both answers are kept. */
  execute(action: Action, stepIndex: number | undefined): { right: Outcome; real: Outcome } {
    const right = action.apply(this.right);
    const real = action.apply(this.real);
    this.right = right.state;
    this.real = real.state;
    this.actions.push({ action, stepIndex, right: right.answer, real: real.answer });
    if (pinnedPages(real.state) * PAGE_SIZE > this.#mappableBytes) {
      throw new RangeError(
        `maps more than ${hex(this.#mappableBytes)} bytes, a quarter of the guest's memory`,
      );
    }
    const broken = brokenInvariants(right.state)[0];
    if (broken !== undefined) throw new BrokenInvariant(`the model broke its own invariant: ${broken}`);
    return { right, real };
  }

  /** Plays one step with the read-backs that belong to it; returns what the author says otherwise. */
  play(step: Step, index: number): string | undefined {
    const { symbols, plainGroup } = this.#assignment;
    const actions = step.unfold({ symbols, state: () => this.real });
    let answer: Answer = { errno: null, values: {} };
    let next = actions.next();
    while (!next.done) {
      const action = next.value;
      const { right, real } = this.execute(action, index);
      answer = right.answer;
      this.#readBack(action.changes, index);
      next = actions.next(real);
    }
    return contradiction(step.expect, { answer, state: this.right, plainGroup, symbols });
  }

  /** Whatever an action may have changed. No call lists the mappings, so each is shown to be there. */
  #readBack(changes: Changes, index: number): void {
    if (changes === "nothing") return;
    this.execute(readBackAction, index);
    if (changes === "groups") this.showMappings(index);
  }

  /** Shows that every mapping is there. */
  showMappings(index: number): void {
    for (const action of mappingsAlive(this.real)) this.execute(action, index);
  }
}

/**
 * The deviations without which the kernel would be predicted to answer otherwise, or to keep other pages
 * locked: those that this scenario exercises.
 */
function exercisedDeviations(
  actions: readonly PredictedAction[],
  leakedPages: bigint,
  assignment: Assignment,
  version: KernelVersion,
): DeviationName[] {
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
