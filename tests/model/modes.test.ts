import t from "#tap";
import fc from "fast-check";
import { answerText } from "../../harness/model/answer.ts";
import { readBack } from "../../harness/model/info.ts";
import type { DeviationName } from "../../harness/model/semantics.ts";
import { DEVIATIONS } from "../../harness/model/semantics.ts";
import type { State } from "../../harness/model/state.ts";
import { always, refuted } from "./always.ts";
import { faultyState, realState, rightState, type Run, runArb } from "./random_run.ts";
import { dirtyArb, execute, failureArb, toTheEndArb } from "./random_steps.ts";
import { TAME_WORLD, TOP_WORLD } from "./random_worlds.ts";

/** Whether both models give the same answers and the same read-backs, step by step. */
function agree(run: Run, a: State, b: State): boolean {
  for (const step of run.steps) {
    const [ofA, ofB] = [execute(a, step, run.world.base), execute(b, step, run.world.base)];
    if (!ofA || !ofB) {
      if (ofA || ofB) return false;
      continue;
    }
    if (answerText(ofA.answer) !== answerText(ofB.answer)) return false;
    [a, b] = [ofA.state, ofB.state];
    if (answerText(readBack(a).answer) !== answerText(readBack(b).answer)) return false;
  }
  return true;
}

/** Faults that need neither a high address nor dirty pages: any range, and any UNMAP, may run into them. */
const EVERYWHERE: readonly DeviationName[] = ["wrap-is-einval", "unmap-by-tree"];

/** The model with the faults of the version, but for those. */
const nearlyReal = (run: Run): State => {
  const faults = [...realState(run).semantics.deviations].filter((name) => !EVERYWHERE.includes(name));
  return faultyState(run.kernel, run.world, ...faults);
};

t.test("both modes agree where no deviation can matter", async (t) => {
  always(
    t,
    fc.property(runArb(TAME_WORLD, failureArb), (run) => agree(run, rightState(run), nearlyReal(run))),
    { numRuns: 1000 },
  );
});

/** What only devices notice, see devices.test.ts: random steps have none that move data. */
const OF_DEVICES: readonly DeviationName[] = ["sibling-cuts-off"];

t.test("every deviation can matter somewhere", async (t) => {
  for (const { name } of DEVIATIONS) {
    if (OF_DEVICES.includes(name)) continue;
    const faulty = (run: Run): State => faultyState(run.kernel, run.world, name satisfies DeviationName);
    refuted(
      t,
      name,
      fc.property(
        runArb(TOP_WORLD, toTheEndArb, dirtyArb, dirtyArb, dirtyArb),
        (run) => agree(run, rightState(run), faulty(run)),
      ),
      { numRuns: 20_000, endOnFailure: true },
    );
  }
});
