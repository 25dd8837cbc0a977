/** Plays random steps and tests rules after each. */
import fc from "fast-check";
import { type DeviationName, deviationsOf, semanticsOf } from "../../harness/model/semantics.ts";
import { initialState, type Outcome, type State } from "../../harness/model/state.ts";
import { KERNELS, versionOf } from "./play.ts";
import { EPILOGUE, execute, type Step, stepsArb } from "./random_steps.ts";
import { type RandomWorld, worldArb, type WorldLimits } from "./random_worlds.ts";
import type { Move, Rule } from "./rules.ts";

/** Turns what the model did into what a faulty one would have done; by default, nothing. */
export type Fault = (move: Move) => Outcome;

const faultless: Fault = ({ after: state, answer }) => ({ state, answer });

/** Plays the steps, then closes everything. Throws where a rule is broken. */
export function playAll(
  start: State,
  { base }: RandomWorld,
  steps: readonly Step[],
  rules: Readonly<Record<string, Rule>>,
  fault: Fault = faultless,
): State {
  let state = start;
  for (const step of [...steps, ...EPILOGUE]) {
    const outcome = execute(state, step, base);
    if (!outcome) continue;
    const before = state;
    const faulty = fault({ before, step, after: outcome.state, answer: outcome.answer, base });
    const move = { before, step, after: faulty.state, answer: faulty.answer, base };
    for (const [name, rule] of Object.entries(rules)) {
      const words = rule(move);
      if (words !== undefined) throw new Error(`${name}: ${step.do}: ${words}`);
    }
    state = faulty.state;
  }
  return state;
}

/** With what a run starts. */
export interface Run {
  readonly kernel: string;
  readonly world: RandomWorld;
  readonly steps: readonly Step[];
}

export const runArb = (limits: WorldLimits, ...kinds: fc.Arbitrary<Step>[]): fc.Arbitrary<Run> =>
  fc.record({ kernel: fc.constantFrom(...KERNELS), world: worldArb(limits), steps: stepsArb(...kinds) });

/** The start of a model that does what is right. */
export const rightState = ({ kernel, world }: Run): State => faultyState(kernel, world);

/** The start of a model that has the known faults of the version. */
export const realState = ({ kernel, world }: Run): State =>
  faultyState(kernel, world, ...deviationsOf(versionOf(kernel)));

/** The start of a model with faults of one's own choosing. */
export const faultyState = (kernel: string, { world }: RandomWorld, ...faults: DeviationName[]): State =>
  initialState(semanticsOf(versionOf(kernel), new Set(faults)), world);
