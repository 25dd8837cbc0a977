/** A scenario played on the models alone, step by step. */
import { type Answer, answerText } from "../model/answer.ts";
import { leakedAtClose } from "../model/locked_memory.ts";
import { type DeviationName, deviationsOf, semanticsOf } from "../model/semantics.ts";
import { initialState, type State } from "../model/state.ts";
import { contradiction } from "../scenario/expectation.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Step } from "../scenario/step.ts";
import { injectionActions } from "../scenario/steps/injection.ts";
import { allowUnsafeInterruptsAction } from "../scenario/steps/parameter.ts";
import { placementActions } from "../scenario/steps/placement.ts";
import type { Assignment, Target } from "./assignment.ts";
import { type PredictedAction, TwoModels } from "./two_models.ts";

/** Steps that were played, and what they come to. */
export interface Played {
  readonly actions: readonly PredictedAction[];
  /** Known faults of the kernel version that the predictions include, whether or not the steps exercise them. */
  readonly deviations: ReadonlySet<DeviationName>;
  /**
   * Whether the kernel would be predicted to answer otherwise without that fault, or to keep other pages locked. To
   * find out takes as long as playing the steps.
   */
  exercises(deviation: DeviationName): boolean;
  /** Whether the guest has the modules of guests/, and is to be asked whether they did as they were told. */
  readonly hasModules: boolean;
  /** Pages that stay locked when everything is closed. */
  readonly leakedPages: bigint;
}

/** What steps are played for. */
export type PlayTarget = Pick<Target, "version" | "deviations" | "memoryBytes" | "lackOfModules">;

/** How a scenario begins. */
export type Beginning = Pick<Scenario, "allowUnsafeInterrupts" | "listOrder">;

export class ModelPlay {
  readonly #assignment: Assignment;
  readonly #target: PlayTarget;
  readonly #deviations: ReadonlySet<DeviationName>;
  readonly #models: TwoModels;
  #stepCount = 0;

  /** With what prepares the guest, before any step. */
  constructor(beginning: Beginning, assignment: Assignment, target: PlayTarget) {
    const { version, memoryBytes, deviations = deviationsOf(version) } = target;
    this.#assignment = assignment;
    this.#target = target;
    this.#deviations = deviations;
    this.#models = new TwoModels(version, assignment.world, memoryBytes, deviations);
    for (const action of this.#preparation(beginning)) this.#models.execute(action);
  }

  #preparation({ allowUnsafeInterrupts, listOrder }: Beginning) {
    const { injected, pretended, world, plainGroup } = this.#assignment;
    const needsParameter = !plainGroup.iommu.isolatesInterrupts;
    return [
      ...placementActions(pretended),
      ...injectionActions(injected, world, listOrder, this.#hasModules),
      allowUnsafeInterruptsAction(allowUnsafeInterrupts ?? needsParameter),
    ];
  }

  get #hasModules(): boolean {
    return this.#target.lackOfModules === undefined;
  }

  /** Where the kernel is, by what is known of its version. */
  get state(): State {
    return this.#models.real;
  }

  /** Where it would be if it did what is right. */
  get rightState(): State {
    return this.#models.right;
  }

  /**
   * Plays a step with the read-backs that belong to it; where it throws, nothing of it was played.
   * @returns what its author says otherwise
   * @throws HandleError, RangeError, FatalFault for a step that can't be played; BrokenInvariant where the model goes
   * wrong
   */
  step(step: Step): string | undefined {
    const fault = this.#models.allOrNothing(() => this.#unfold(step));
    this.#stepCount++;
    return fault;
  }

  #unfold(step: Step): string | undefined {
    const { symbols, plainGroup } = this.#assignment;
    const actions = step.unfold({ symbols, state: () => this.#models.real });
    let answer: Answer = { errno: null, values: {} };
    let next = actions.next();
    while (!next.done) {
      const { right, real } = this.#models.perform(next.value, this.#stepCount);
      answer = right.answer;
      next = actions.next(real);
    }
    return contradiction(step.expect, { answer, state: this.#models.right, plainGroup, symbols });
  }

  /** What was predicted since this was last asked, for whoever plays along; `end` then lacks it. */
  takeActions(): readonly PredictedAction[] {
    return this.#models.takeActions();
  }

  /** Shows at last that every mapping is still there, and tells of everything. */
  end(): Played {
    this.#models.showMappings(this.#stepCount - 1);
    const actions = this.#models.takeActions();
    const leakedPages = leakedAtClose(this.#models.real);
    return {
      actions,
      deviations: this.#deviations,
      exercises: (deviation) => this.#exercises(deviation, actions, leakedPages),
      hasModules: this.#hasModules,
      leakedPages,
    };
  }

  #exercises(name: DeviationName, actions: readonly PredictedAction[], leakedPages: bigint): boolean {
    const others = new Set([...this.#deviations].filter((other) => other !== name));
    let state = initialState(semanticsOf(this.#target.version, others), this.#assignment.world);
    const answersOtherwise = actions.some(({ action, real }) => {
      const outcome = action.apply(state);
      state = outcome.state;
      return answerText(outcome.answer) !== answerText(real);
    });
    return answersOtherwise || leakedAtClose(state) !== leakedPages;
  }
}

/** The deviations that the steps exercise: none where both models agree, which saves playing most scenarios again. */
export function exercisedDeviations(
  { actions, deviations, exercises, leakedPages }: Played,
): readonly DeviationName[] {
  const isRightThroughout = leakedPages === 0n &&
    actions.every(({ right, real }) => right === real || answerText(right) === answerText(real));
  return isRightThroughout ? [] : [...deviations].filter(exercises);
}
