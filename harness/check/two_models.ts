/** Two models in step: what is right, and what a kernel of a version does. */
import type { Answer } from "../model/answer.ts";
import { PAGE_SIZE } from "../model/constants.ts";
import { brokenInvariants } from "../model/invariants.ts";
import { pinnedPages } from "../model/locked_memory.ts";
import { hex } from "../model/range_list.ts";
import { type DeviationName, deviationsOf, semanticsOf } from "../model/semantics.ts";
import { initialState, type Outcome, type State } from "../model/state.ts";
import type { KernelVersion } from "../model/version.ts";
import type { World } from "../model/world.ts";
import type { AnyAction } from "../scenario/action.ts";
import { readBackAction } from "../scenario/steps/info.ts";
import { mappingsAlive } from "../scenario/steps/verify.ts";

/** One operation with its predictions. */
export interface PredictedAction {
  readonly action: AnyAction;
  /** Counts from 0; undefined for what prepares the scenario. */
  readonly stepIndex: number | undefined;
  /** What is right. */
  readonly right: Answer;
  /** What a kernel of this version says, known deviations included. */
  readonly real: Answer;
}

/** The model contradicts itself: a fault of iovacheck, whatever the scenario asks for. */
export class BrokenInvariant extends Error {
  override readonly name: string = "BrokenInvariant";
}

/** How much of a guest's memory may be mapped at a time: the rest is for whoever else lives there. */
const MAPPABLE_PART = 4n;

/**
 * A model that does what is right and one with the known faults of a kernel version, which are asked the same. They
 * begin with nothing opened, and keep every answer until it is taken.
 */
export class TwoModels {
  right: State;
  real: State;
  readonly #mappableBytes: bigint;
  #actions: PredictedAction[] = [];

  /** @param deviations the known faults; left out, those of the version */
  constructor(
    version: KernelVersion,
    world: World,
    memoryBytes: bigint,
    deviations: ReadonlySet<DeviationName> = deviationsOf(version),
  ) {
    this.right = initialState(semanticsOf(version, new Set()), world);
    this.real = initialState(semanticsOf(version, deviations), world);
    this.#mappableBytes = memoryBytes / MAPPABLE_PART;
  }

  /** What was predicted since this was last asked. */
  takeActions(): readonly PredictedAction[] {
    const taken = this.#actions;
    this.#actions = [];
    return taken;
  }

  /** Does all of something or, where it throws, nothing of it. */
  allOrNothing<T>(work: () => T): T {
    const { right, real } = this;
    const actionCount = this.#actions.length;
    try {
      return work();
    } catch (error) {
      this.right = right;
      this.real = real;
      this.#actions.length = actionCount;
      throw error;
    }
  }

  /**
   * Lets both models do one thing; both answers are kept.
   * @throws RangeError for more memory than a guest has to spare, BrokenInvariant where the model goes wrong
   */
  execute(action: AnyAction, stepIndex?: number): { right: Outcome; real: Outcome } {
    const right = action.apply(this.right);
    const real = action.apply(this.real);
    this.#actions.push({ action, stepIndex, right: right.answer, real: real.answer });
    if (real.state !== this.real) this.#requireSpareMemory(real.state);
    if (right.state !== this.right) requireInvariants(right.state);
    this.right = right.state;
    this.real = real.state;
    return { right, real };
  }

  #requireSpareMemory(state: State): void {
    if (pinnedPages(state) * PAGE_SIZE <= this.#mappableBytes) return;
    throw new RangeError(
      `maps more than ${hex(this.#mappableBytes)} bytes, a quarter of the guest's memory`,
    );
  }

  /** The same, with a read-back of whatever it may have changed. No call lists the mappings, so each is shown to be there. */
  perform(action: AnyAction, stepIndex?: number): { right: Outcome; real: Outcome } {
    const outcomes = this.execute(action, stepIndex);
    if (action.changes !== "nothing") this.execute(readBackAction, stepIndex);
    if (action.changes === "groups") this.showMappings(stepIndex);
    return outcomes;
  }

  /** Shows that every mapping is there. */
  showMappings(stepIndex?: number): void {
    for (const action of mappingsAlive(this.real)) this.execute(action, stepIndex);
  }
}

function requireInvariants(state: State): void {
  const [broken] = brokenInvariants(state);
  if (broken !== undefined) throw new BrokenInvariant(`the model broke its own invariant: ${broken}`);
}
