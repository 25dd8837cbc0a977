import t from "#tap";
import type { CellPlan } from "../../harness/check/cell_plan.ts";
import { rehearse } from "../../harness/check/rehearsal.ts";
import { runCells, Tally } from "../../harness/check/run.ts";
import { CannotTestError } from "../../harness/errors.ts";
import { GuestLost } from "../../harness/guest/guest_lost.ts";
import {
  type AttemptVerdict,
  type Event,
  type ScenarioEnd,
  type Verdict,
  zeroCounts,
} from "../../harness/report/events.ts";
import { machineWith, version } from "../machine/machines.ts";
import { INTEL, scenarioOf } from "./target.ts";

const ended = (verdict: Verdict): ScenarioEnd => ({
  type: "scenario-end",
  cell: "c",
  scenario: "seed/one",
  file: "a.yaml",
  line: 1,
  verdict,
  deviations: [],
  steps: 1,
  durationMs: 1,
  again: "",
});

const tried = (verdict: Verdict, ...attempts: AttemptVerdict[]): ScenarioEnd => ({
  ...ended(verdict),
  attempts,
});

const world = (verdict: "match" | "mismatch"): Event => ({
  type: "world-checked",
  cell: "c",
  verdict,
  durationMs: 1,
});

const cellEnd = (verdict?: "crash" | "hang" | "harness-fault"): Event => ({
  type: "cell-end",
  cell: "c",
  durationMs: 1,
  ...(verdict ? { fault: { verdict, text: "" } } : {}),
});

const CODES: readonly [name: string, events: Event[], code: number][] = [
  ["nothing", [], 3],
  ["match", [ended("match")], 0],
  ["known", [ended("known")], 0],
  ["match and skip", [ended("match"), ended("skip")], 0],
  ["only skips", [ended("skip")], 3],
  ["a skipped cell beside a match", [{ type: "cell-skip", cell: "c", reason: "" }, ended("match")], 0],
  ["only a skipped cell", [{ type: "cell-skip", cell: "c", reason: "" }], 3],
  ["mismatch", [ended("match"), ended("mismatch")], 1],
  ["crash", [ended("match"), ended("crash")], 1],
  ["hang", [ended("match"), ended("hang")], 1],
  ["harness-fault", [ended("match"), ended("harness-fault")], 3],
  ["a match at the second attempt", [ended("match"), tried("flaky", "mismatch", "match")], 1],
  ["a crash and then a match", [ended("match"), tried("flaky", "crash", "match")], 1],
  ["a fault and then a match", [ended("match"), tried("flaky", "harness-fault", "match")], 3],
  ["a fault and then a hang", [ended("match"), tried("hang", "harness-fault", "hang")], 1],
  ["a hang and then a fault", [ended("match"), tried("hang", "hang", "harness-fault")], 1],
  ["a difference outweighs a fault", [ended("harness-fault"), ended("mismatch")], 1],
  ["the world differs", [world("mismatch"), cellEnd()], 1],
  ["the world is as predicted, but nothing was played", [world("match"), cellEnd()], 3],
  ["a kernel that complains while it boots", [
    { type: "guest-booted", cell: "c", bootMs: 1, complaint: "WARNING" },
    ended("match"),
  ], 1],
  ["a kernel that boots in silence", [{ type: "guest-booted", cell: "c", bootMs: 1 }, ended("match")], 0],
  ["a cell that crashed", [ended("match"), cellEnd("crash")], 1],
  ["a cell that hung", [cellEnd("hang")], 1],
  ["a cell with a fault", [ended("match"), cellEnd("harness-fault")], 3],
];

for (const [name, events, code] of CODES) {
  t.test(`exit code of ${name}`, async (t) => {
    const tally = new Tally();
    for (const event of events) tally.count(event);
    t.equal(tally.exitCode(), code);
  });
}

t.test("verdicts of scenarios are counted", async (t) => {
  const tally = new Tally();
  for (const verdict of ["match", "match", "known", "crash"] as const) tally.count(ended(verdict));
  tally.count(world("mismatch"));
  tally.count(cellEnd("hang"));
  tally.count(tried("flaky", "mismatch", "match"));
  t.same(tally.counts, { ...zeroCounts(), match: 2, known: 1, crash: 1, flaky: 1 });
});

/** A cell whose guest can't be started, which is found out by `start`. */
function cell(id: string, artifactsDir: string, start: () => Error): CellPlan {
  return {
    id,
    kernelSpec: "debian:6.12",
    kernelVersion: version("6.12"),
    kernelOptions: new Set(),
    qemuSpec: "debian:10.0",
    qemuVersion: version("10.0"),
    machine: machineWith(INTEL),
    scenarios: [scenarioOf("steps: [attach: A]")],
    artifactsDir,
    limits: { bootTimeoutMs: 1, replyTimeoutMs: 1 },
    retries: 0,
    guestPlan: () => Promise.reject(start()),
    replay: () => "",
    explore: () => "",
    again: () => `again ${id}`,
  };
}

/** Runs cells and returns what was told. */
async function run(plans: readonly CellPlan[], jobs = 1, interruption = new AbortController()) {
  const events: Event[] = [];
  const exitCode = await runCells({
    cells: rehearse(plans, () => {}),
    jobs,
    commandLine: ["run"],
    version: "0.0.0",
    signal: interruption.signal,
    emit: (event) => events.push(event),
  });
  return {
    exitCode,
    events,
    cells: events.flatMap((event) => event.type === "cell-end" ? [event.cell] : []),
  };
}

const STARTS: readonly [error: Error, code: number, fault: object][] = [
  [new CannotTestError("no QEMU"), 3, { verdict: "harness-fault", text: "no QEMU", again: "again a" }],
  [new GuestLost("crash", "it crashed", ["BUG"]), 1, { verdict: "crash", text: "it crashed\nBUG" }],
  [new GuestLost("hang", "it hangs", []), 1, { verdict: "hang", text: "it hangs" }],
  [new GuestLost("harness-fault", "it died", []), 3, { verdict: "harness-fault", text: "it died" }],
];

for (const [error, code, fault] of STARTS) {
  t.test(`a cell whose guest doesn't boot: ${error.message}`, async (t) => {
    const { exitCode, events } = await run([cell("a", t.testdir(), () => error)]);
    t.equal(exitCode, code);
    t.match(events, [
      { type: "run-start", cells: ["a"], commandLine: ["run"] },
      { type: "cell-end", cell: "a", fault },
      { type: "run-end", exitCode: code },
    ]);
    t.notOk(events.some((event) => "stopped" in event));
  });
}

t.test("a cell that can't be is told with its reason, and starts nothing", async (t) => {
  const skipped = { ...cell("a", t.testdir(), () => new Error("started")), skip: "no such option" };
  const { exitCode, events } = await run([skipped]);
  t.equal(exitCode, 3);
  t.match(events[1], { type: "cell-skip", cell: "a", reason: "no such option" });
  t.equal(events.length, 3);
});

t.test("a fault of one cell doesn't keep the others from running, however many at a time", async (t) => {
  const dir = t.testdir();
  const cells = ["a", "b", "c"].map((id) => cell(id, dir, () => new CannotTestError(id)));
  for (const jobs of [1, 2, 8]) t.same((await run(cells, jobs)).cells.sort(), ["a", "b", "c"]);
});

t.test("no more guests at a time than jobs", async (t) => {
  const dir = t.testdir();
  let [now, most] = [0, 0];
  const slow = (id: string): CellPlan => ({
    ...cell(id, dir, () => new Error()),
    guestPlan: async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      throw new CannotTestError(id);
    },
  });
  await run(["a", "b", "c", "d", "e"].map(slow), 2);
  t.equal(most, 2);
});

t.test("an interruption ends the run before the next cell", async (t) => {
  const interruption = new AbortController();
  const dir = t.testdir();
  const started: string[] = [];
  const start = (id: string) =>
    cell(id, dir, () => {
      started.push(id);
      interruption.abort();
      return new CannotTestError("interrupted in the middle");
    });
  const skipped = { ...start("c"), skip: "no such option" };
  const { exitCode, events } = await run([start("a"), start("b"), skipped], 1, interruption);
  t.equal(exitCode, 130);
  t.same(started, ["a"]);
  t.notOk(events.some(({ type }) => type === "cell-skip"));
  t.match(events.at(-1), { type: "run-end", exitCode: 130, stopped: "interrupted" });
});

t.test("a fault of the program is no verdict, and told when the other cells have ended", async (t) => {
  const dir = t.testdir();
  const told: string[] = [];
  const slow = {
    ...cell("b", dir, () => new Error()),
    guestPlan: async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      told.push("b");
      throw new CannotTestError("b");
    },
  };
  const broken = cell("a", dir, () => new TypeError("ours"));
  const later = cell("c", dir, () => {
    told.push("c");
    return new CannotTestError("c");
  });
  await t.rejects(run([broken, slow, later], 2), { message: "ours" });
  t.same(told, ["b"], "and no further one begins");
});

t.test("a scenario that can't be played as written is the user's to mend, before any guest", async (t) => {
  const scenarios = [scenarioOf("steps: [close: c0]"), scenarioOf("steps: [attach: A]")];
  const wrong = { ...cell("a", t.testdir(), () => new TypeError("started")), scenarios };
  await t.rejects(run([wrong]), { name: "ConfigError", message: /container c0 is not open$/ });
  const contradicted = { ...wrong, scenarios: [scenarioOf("steps: [{ attach: A, expect: EPERM }]")] };
  await t.rejects(run([contradicted]), { name: "ConfigError", message: /the author expects EPERM/ });
});
