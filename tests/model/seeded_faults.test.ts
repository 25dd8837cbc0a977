import t from "#tap";
import fc from "fast-check";
import { DEVIATIONS } from "../../harness/model/semantics.ts";
import { refuted } from "./always.ts";
import { faultyState, playAll, rightState, runArb } from "./random_run.ts";
import { toTheEndArb } from "./random_steps.ts";
import { ANY_WORLD, TOP_WORLD } from "./random_worlds.ts";
import { type Rule, WITHOUT_FAILURES } from "./rules.ts";
import { SEEDED_FAULTS } from "./seeded_faults.ts";

const UNTIL_SEEN = { numRuns: 20_000, endOnFailure: true };

/** One rule alone, so that no other can see the fault first. */
function only(name: string): Readonly<Record<string, Rule>> {
  const rule = WITHOUT_FAILURES[name];
  if (!rule) throw new RangeError(`no rule ${name}`);
  return { [name]: rule };
}

t.test("random steps find every seeded fault, by the rule that is there for it", async (t) => {
  for (const [name, { seenBy, fault }] of Object.entries(SEEDED_FAULTS)) {
    const property = fc.property(runArb(ANY_WORLD), (run) => {
      playAll(rightState(run), run.world, run.steps, only(seenBy), fault);
    });
    refuted(t, `${name}, seen by ${seenBy}`, property, UNTIL_SEEN);
  }
});

t.test("random steps find every known deviation of kernels", async (t) => {
  const seenBy = {
    "sticky-edges": "listFollowsFromGroups",
    "map-at-the-top": "invariantsHold",
    "conflict-to-the-end": "invariantsHold",
  };
  for (const [deviation, rule] of Object.entries(seenBy)) {
    const { name } = DEVIATIONS.find(({ name }) => name === deviation) ?? DEVIATIONS[0];
    const property = fc.property(runArb(TOP_WORLD, toTheEndArb), (run) => {
      playAll(faultyState(run.kernel, run.world, name), run.world, run.steps, only(rule));
    });
    refuted(t, `${name}, seen by ${rule}`, property, UNTIL_SEEN);
  }
});

t.test("every rule sees some fault", async (t) => {
  const seeing = new Set(Object.values(SEEDED_FAULTS).map(({ seenBy }) => seenBy));
  t.same(Object.keys(WITHOUT_FAILURES).filter((name) => !seeing.has(name)), []);
});
