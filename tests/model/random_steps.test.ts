import t from "#tap";
import fc from "fast-check";
import { leakedAtClose, lockedPages } from "../../harness/model/locked_memory.ts";
import { always } from "./always.ts";
import { playAll, realState, rightState, runArb } from "./random_run.ts";
import { dirtyArb, failureArb, toTheEndArb } from "./random_steps.ts";
import { ANY_WORLD } from "./random_worlds.ts";
import { ALWAYS, WHEN_RIGHT, WITHOUT_FAILURES } from "./rules.ts";

const RUNS = { numRuns: 1000 };

t.test("right model: every rule, as long as no failure is injected", async (t) => {
  always(
    t,
    fc.property(runArb(ANY_WORLD, toTheEndArb, dirtyArb), (run) => {
      playAll(rightState(run), run.world, run.steps, WITHOUT_FAILURES);
    }),
    RUNS,
  );
});

t.test("right model: failing collections break no invariant", async (t) => {
  always(
    t,
    fc.property(runArb(ANY_WORLD, toTheEndArb, failureArb, dirtyArb), (run) => {
      playAll(rightState(run), run.world, run.steps, WHEN_RIGHT);
    }),
    RUNS,
  );
});

t.test("right model: with everything closed nothing is left", async (t) => {
  always(
    t,
    fc.property(runArb(ANY_WORLD, failureArb), (run) => {
      const end = playAll(rightState(run), run.world, run.steps, {});
      return end.containers.size === 0 && end.groups.size === 0 && lockedPages(end) === 0n;
    }),
    RUNS,
  );
});

t.test("real model: a refusal changes nothing, an attach never widens the list", async (t) => {
  always(
    t,
    fc.property(runArb(ANY_WORLD, toTheEndArb, failureArb, dirtyArb), (run) => {
      playAll(realState(run), run.world, run.steps, ALWAYS);
    }),
    RUNS,
  );
});

t.test("real model: what stays locked is what the model says will leak", async (t) => {
  always(
    t,
    fc.property(runArb(ANY_WORLD, toTheEndArb, dirtyArb), (run) => {
      let foretold = 0n;
      const end = playAll(realState(run), run.world, run.steps, {
        leak: ({ after }) => {
          foretold = leakedAtClose(after);
          return undefined;
        },
      });
      return lockedPages(end) === foretold;
    }),
    RUNS,
  );
});
