import t from "#tap";
import { ProgressLine } from "../../harness/report/progress.ts";

/** The line as it stands after the events, without the seconds. */
function lineAfter(...events: Parameters<ProgressLine["handle"]>[0][]): string {
  const written: string[] = [];
  const line = new ProgressLine((text) => written.push(text));
  for (const event of events) line.handle(event);
  return (written.at(-1) ?? "").replace(/^[\d.]+ s {2}/, "");
}

const START = { type: "run-start", commandLine: [], version: "", date: "", cells: ["a", "b"] } as const;

t.test("a run says how many cells and scenarios are done", async (t) => {
  t.equal(lineAfter({ ...START, commandLine: [], cells: ["a", "b"] }), "cells 0/2  scenarios 0");
  t.equal(
    lineAfter({ ...START, commandLine: [], cells: ["a"] }, { type: "cell-end", cell: "a", durationMs: 1 }),
    "cells 1/1  scenarios 0",
  );
});

t.test("exploring says how much was played, in all cells together", async (t) => {
  const told = [
    { type: "exploring", cell: "a", played: 3, steps: 100 },
    { type: "exploring", cell: "b", played: 1, steps: 40 },
    { type: "exploring", cell: "a", played: 5, steps: 200 },
  ] as const;
  t.equal(
    lineAfter({ ...START, commandLine: [], cells: ["a", "b"] }, ...told),
    "cells 0/2  played 6, steps 240",
  );
});
