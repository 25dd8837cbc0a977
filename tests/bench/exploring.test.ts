import t from "#tap";
import { MismatchError } from "../../harness/bench/mismatch.ts";
import { measureExploring, type SequencePlayer } from "../../harness/bench/exploring.ts";
import type { Execution } from "../../harness/check/execution.ts";
import { generate } from "../../harness/explore/generate.ts";
import { INTEL, targetOf } from "../check/target.ts";

const target = targetOf(INTEL);
const sequenceOf = (index: number) => generate(1, index, target, { stepsMost: 10 });

/** Plays what it is given, each sequence with that outcome. */
const playerWith = (...executions: readonly Execution[]): SequencePlayer => {
  const outcomes = executions.values();
  return {
    waitedMs: 0,
    playAll(source, judged) {
      for (let made = source.next(); !made.done; made = source.next()) {
        judged(made.value, outcomes.next().value ?? { verdict: "match" });
      }
      return Promise.resolve();
    },
  };
};

t.test("every sequence is made, played and counted", async (t) => {
  const measured = await measureExploring(playerWith({ verdict: "known" }), 3, sequenceOf);
  const made = [0, 1, 2].map(sequenceOf);
  t.match(measured, {
    sequences: 3,
    steps: made.reduce((sum, { sequence }) => sum + sequence.steps.length, 0),
    actions: made.reduce((sum, { prediction }) => sum + prediction.actions.length, 0),
  });
  t.ok(measured.generateMs > 0 && measured.generateMs < measured.durationMs);
});

t.test("only the time that was waited meanwhile counts", async (t) => {
  const player = {
    waitedMs: 1000,
    playAll() {
      player.waitedMs += 7;
      return Promise.resolve();
    },
  };
  t.equal((await measureExploring(player, 1, sequenceOf)).waitMs, 7);
});

t.test("what isn't as predicted is told", async (t) => {
  const differs: Execution = {
    verdict: "mismatch",
    actionText: "map c0",
    difference: { predicted: "ok", observed: "EINVAL" },
  };
  await t.rejects(
    measureExploring(playerWith({ verdict: "match" }, differs), 2, sequenceOf),
    new MismatchError("explore/sequence-1-1: map c0: predicted ok, observed EINVAL"),
  );
  await t.rejects(
    measureExploring(playerWith({ verdict: "crash", reason: "the kernel complained" }), 1, sequenceOf),
    /the kernel complained/,
  );
});
