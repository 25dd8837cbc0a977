import t from "#tap";
import fc from "fast-check";
import { Parser, type Result } from "tap-parser";
import {
  type AttemptVerdict,
  type CellEnd,
  type CellStart,
  type Event,
  type ScenarioEnd,
  type Verdict,
  zeroCounts,
} from "../../harness/report/events.ts";
import { TapReporter } from "../../harness/report/tap.ts";
import { visible, visibleLine } from "../../harness/report/visible.ts";

function runStart(cells: string[]): Event {
  return {
    type: "run-start",
    commandLine: ["run"],
    version: "1",
    date: "2026-01-02T03:04:05Z",
    cells,
  };
}

const RUN_END: Event = {
  type: "run-end",
  counts: zeroCounts(),
  exitCode: 0,
  durationMs: 5,
};

function cellStart(cell: string): CellStart {
  return {
    type: "cell-start",
    cell,
    kernel: "6.1",
    qemu: "7.2",
    machine: "intel",
    accelerator: "tcg",
  };
}

function scenarioEnd(
  cell: string,
  scenario: string,
  verdict: Verdict = "match",
): ScenarioEnd {
  return {
    type: "scenario-end",
    cell,
    scenario,
    file: "configs/scenarios/seed/a.yaml",
    line: 3,
    verdict,
    deviations: verdict === "known" ? ["sticky-edges"] : [],
    steps: 4,
    durationMs: 12.4,
    again: "deno task replay out/fail-1.yaml",
  };
}

function cellEnd(cell: string): CellEnd {
  return { type: "cell-end", cell, durationMs: 700 };
}

function report(events: readonly Event[]): string {
  let text = "";
  const reporter = new TapReporter((lines) => text += lines);
  for (const event of events) reporter.handle(event);
  return text;
}

interface Parsed {
  ok: boolean;
  bailout: boolean | string;
  cells: Result[];
  points: Result[][];
  extra: string[];
}

function parse(text: string): Parsed {
  const points: Result[][] = [];
  const cells: Result[] = [];
  const extra: string[] = [];
  const parser = new Parser();
  parser.on("child", (child: Parser) => {
    const own: Result[] = [];
    points.push(own);
    child.on("assert", (result: Result) => own.push(result));
  });
  parser.on("assert", (result: Result) => cells.push(result));
  parser.on("extra", (line: string) => extra.push(line));
  parser.end(text);
  const results = parser.results;
  if (results === null) throw new Error("the parser has no results");
  return { ok: results.ok, bailout: results.bailout, cells, points, extra };
}

t.test("a run with every verdict", async (t) => {
  const verdicts = [
    "match",
    "known",
    "mismatch",
    "crash",
    "hang",
    "harness-fault",
    "skip",
  ] as const;
  const text = report([
    runStart(["a"]),
    cellStart("a"),
    {
      type: "world-checked",
      cell: "a",
      verdict: "match",
      durationMs: 3,
    },
    ...verdicts.map((verdict) => scenarioEnd("a", `seed/${verdict}`, verdict)),
    cellEnd("a"),
    RUN_END,
  ]);
  const { ok, cells, points, extra } = parse(text);
  t.equal(ok, false);
  t.same(cells.map(({ ok, name }) => [ok, name]), [[false, "a"]]);
  t.same(points[0]?.map(({ ok, name, todo, skip }) => [ok, name, todo, skip]), [
    [true, "world", false, false],
    [true, "seed/match", false, false],
    [false, "seed/known", "known deviation sticky-edges", false],
    [false, "seed/mismatch", false, false],
    [false, "seed/crash", false, false],
    [false, "seed/hang", false, false],
    [false, "seed/harness-fault", false, false],
    [true, "seed/skip", false, true],
  ]);
  t.equal(points[0]?.[4]?.diag.verdict, "crash");
  t.equal(points[0]?.[1]?.time, 12);
  t.same(extra, []);
  t.match(
    text,
    /\n# 1 cell, 7 scenarios: 1 match, 1 known \(sticky-edges ×1\), 1 mismatch, 1 crash, .*1 skip\n$/,
  );
});

t.test("known deviations alone don't fail a cell", async (t) => {
  const events = [
    runStart(["a"]),
    scenarioEnd("a", "s", "known"),
    cellEnd("a"),
    RUN_END,
  ];
  const { ok, cells } = parse(report(events));
  t.equal(ok, true);
  t.equal(cells[0]?.ok, true);
});

t.test("a mismatch tells what differed, where, and what to type", async (t) => {
  const failure = {
    step: 4,
    text: "info",
    position: "configs/scenarios/seed/a.yaml:14:5",
    predicted: "0x0..0xfedfffff\n0xfef00000..0x7fffffffff",
    observed: "0x0..0x3fffffff",
    because: "§6.2: GET_INFO: Capabilities",
    rule: "attach [§2.2]",
  };
  const events = [
    runStart(["a"]),
    { ...scenarioEnd("a", "s", "mismatch"), failure },
    cellEnd("a"),
    RUN_END,
  ];
  const text = report(events);
  t.same(parse(text).points[0]?.[0]?.diag, {
    verdict: "mismatch",
    at: failure.position,
    step: "4 info",
    rule: failure.rule,
    predicted: failure.predicted,
    because: failure.because,
    observed: failure.observed,
    again: "deno task replay out/fail-1.yaml",
  });
  t.match(
    text,
    "        0x0..0xfedfffff\n        0xfef00000..0x7fffffffff\n",
    "values stand as they are",
  );
});

t.test("a flaky scenario has failed, and says how often and how", async (t) => {
  const failure = { step: 1, text: "info", position: "a.yaml:3:5", predicted: "ok", observed: "EINVAL" };
  const attempt = (attempt: number, verdict: AttemptVerdict): Event => ({
    type: "attempt-end",
    cell: "a",
    scenario: "s",
    attempt,
    guest: attempt,
    verdict,
    durationMs: 1,
  });
  const text = report([
    runStart(["a"]),
    attempt(1, "mismatch"),
    scenarioEnd("a", "t"),
    attempt(2, "match"),
    { ...scenarioEnd("a", "s", "flaky"), attempts: ["mismatch", "match"], failure },
    cellEnd("a"),
    RUN_END,
  ]);
  const { ok, cells, points, extra } = parse(text);
  t.equal(ok, false);
  t.equal(cells[0]?.ok, false);
  t.same(points[0]?.map(({ ok, name, todo, skip }) => [ok, name, todo, skip]), [
    [true, "t", false, false],
    [false, "s", false, false],
  ]);
  t.match(points[0]?.[1]?.diag, {
    verdict: "flaky",
    attempts: "2: mismatch, match",
    step: "1 info",
    predicted: "ok",
    observed: "EINVAL",
  });
  t.same(extra, []);
  t.match(text, / {4}# s, attempt 1: mismatch\n[^]* {4}# s, attempt 2: match\n {4}not ok 2 - s /);
  t.match(text, /\n# 1 cell, 2 scenarios: 1 match, 0 known, 0 mismatch, 1 flaky\n$/);
});

t.test("cells that run at the same time are printed in the order of the plan, at once when it's their turn", async (t) => {
  const printed: string[] = [];
  const reporter = new TapReporter((text) => printed.push(text));
  reporter.handle(runStart(["a", "b", "c"]));
  reporter.handle(scenarioEnd("b", "b1"));
  reporter.handle(cellEnd("b"));
  t.equal(printed.length, 1, "b waits for a");
  reporter.handle(scenarioEnd("a", "a1"));
  t.match(
    printed.at(-1),
    /# Subtest: a\n {4}ok 1 - a1 # time=12ms\n$/,
    "a is printed as it goes",
  );
  reporter.handle(scenarioEnd("c", "c1"));
  reporter.handle(cellEnd("a"));
  t.match(
    printed.join(""),
    /ok 1 - a # .*\n# Subtest: b\n {4}ok 1 - b1 .*\n {4}1\.\.1\nok 2 - b .*\n# Subtest: c\n/,
  );
  reporter.handle(cellEnd("c"));
  reporter.handle(RUN_END);
  t.equal(parse(printed.join("")).ok, true);
});

t.test("a skipped cell and an empty plan", async (t) => {
  const skipped = parse(
    report([runStart(["a"]), {
      type: "cell-skip",
      cell: "a",
      reason: "no kernel # here",
    }, RUN_END]),
  );
  t.equal(skipped.ok, true);
  t.equal(skipped.cells[0]?.skip, "no kernel # here");
  t.equal(parse(report([runStart([]), RUN_END])).ok, true);
});

t.test("a cell that ran nothing is no success", async (t) => {
  t.equal(
    parse(report([runStart(["a"]), cellStart("a"), cellEnd("a"), RUN_END])).ok,
    false,
  );
});

t.test("a cell ended by a fault fails although its scenarios match", async (t) => {
  const fault = {
    verdict: "hang",
    text: "no reply for 30 s",
    again: "deno task replay x",
  } as const;
  const { ok, cells } = parse(
    report([
      runStart(["a"]),
      scenarioEnd("a", "s"),
      { ...cellEnd("a"), fault },
      RUN_END,
    ]),
  );
  t.equal(ok, false);
  t.same(cells[0]?.diag, {
    verdict: "hang",
    reason: fault.text,
    again: fault.again,
  });
});

t.test("a cell says at its end which of its points failed", async (t) => {
  const failing = report([
    runStart(["a"]),
    scenarioEnd("a", "good"),
    scenarioEnd("a", "first", "mismatch"),
    { ...scenarioEnd("a", "known", "known"), deviations: ["edges"] },
    scenarioEnd("a", "second", "crash"),
    cellEnd("a"),
    RUN_END,
  ]);
  const { diag } = parse(failing).cells[0] ?? {};
  t.match(diag, { reason: "2 of 4 failed", failed: "first\nsecond" });
  const passing = report([runStart(["a"]), scenarioEnd("a", "good"), cellEnd("a"), RUN_END]);
  t.notMatch(passing, /failed/);
});

t.test("a run that ends before its plan", async (t) => {
  const events = [
    runStart(["a", "b", "c"]),
    scenarioEnd("a", "a1"),
    cellEnd("a"),
    scenarioEnd("b", "b1"),
    cellStart("c"),
  ];
  const stopped = parse(
    report([...events, { ...RUN_END, stopped: "interrupted" }]),
  );
  t.equal(stopped.bailout, "interrupted");
  t.same(
    stopped.points.map((points) => points.length),
    [1, 1, 0],
    "what was known is printed",
  );
  t.same(
    stopped.cells.map(({ ok }) => ok),
    [true, false, false],
    "a cell that was begun has failed",
  );
  const lost = parse(report([...events, RUN_END]));
  t.same(
    lost.cells.map(({ ok }) => ok),
    [true, false, false],
    "a cell without an end has failed",
  );
});

t.test("events that can't be are refused", async (t) => {
  t.throws(
    () => report([runStart(["a"]), cellStart("b")]),
    /cell b, which isn't in the plan/,
  );
  t.throws(
    () => report([runStart(["a"]), cellEnd("a"), cellStart("a")]),
    /comes after the cell's end/,
  );
});

const hostile = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.array(fc.constantFrom(...hostileParts()), { maxLength: 12 }).map((parts) => parts.join("")),
);

function hostileParts(): string[] {
  return [
    ..."#\\{}'\"|>-:!&*%@` \t\n\r\0\v\f\x1b\x7f\x85\u2028\u2029\ufeff\ud800\udc00",
    "\n",
    "\n  ...\n",
    "...",
    "---",
    "\nnot ok 7 - ",
    "ok 1",
    "\n1..9\n",
    "Bail out!",
    "\n    ",
    " # TODO ",
    "# SKIP x",
    "# Subtest: x",
    "# time=1ms",
    "TAP version 14",
    "pragma +strict",
    "a",
    " ",
    "0x10",
    "null",
    "<<",
    "!error x",
  ];
}

const scenarioArbitrary = fc.record({
  scenario: hostile,
  verdict: fc.constantFrom<Verdict[]>(
    "match",
    "known",
    "mismatch",
    "crash",
    "hang",
    "harness-fault",
    "skip",
  ),
  text: hostile,
  predicted: hostile,
  observed: hostile,
  reason: hostile,
});

t.test("whatever the strings, a parser sees exactly the points that were meant", async (t) => {
  const cellsArbitrary = fc.uniqueArray(
    fc.record({
      name: hostile,
      kernel: hostile,
      scenarios: fc.array(scenarioArbitrary, { minLength: 1, maxLength: 4 }),
    }),
    { selector: ({ name }) => name, maxLength: 3, minLength: 1 },
  );
  fc.assert(
    fc.property(cellsArbitrary, (cells) => {
      const events = cells.flatMap(({ name, kernel, scenarios }): Event[] => [
        { ...cellStart(name), kernel },
        ...scenarios.map((
          { scenario, verdict, text, predicted, observed, reason },
        ): Event => ({
          ...scenarioEnd(name, scenario, verdict),
          reason,
          deviations: verdict === "known" ? [reason] : [],
          failure: { step: 1, text, position: text, predicted, observed },
        })),
        cellEnd(name),
      ]);
      const text = report([
        runStart(cells.map(({ name }) => name)),
        ...events,
        RUN_END,
      ]);
      const { cells: seen, points, extra } = parse(text);
      same(extra, []);
      same(
        seen.map(({ ok }) => ok),
        cells.map(({ scenarios }) => scenarios.every(({ verdict }) => !isFailure(verdict))),
      );
      same(
        points.map((own) => own.map(verdictOf)),
        cells.map(({ scenarios }) => scenarios.map(({ verdict }) => seenAs(verdict))),
      );
      for (const [index, { scenarios }] of cells.entries()) {
        for (
          const [place, { scenario, verdict, predicted }] of scenarios.entries()
        ) {
          same(points[index]?.[place]?.name, readableName(scenario));
          if (seenAs(verdict) !== "not ok") continue;
          same(points[index]?.[place]?.diag.verdict, verdict);
          same(points[index]?.[place]?.diag.predicted, readable(predicted));
        }
      }
    }),
    { numRuns: 2000 },
  );
  t.pass("2000 runs");
});

t.test("a giant string is cut", async (t) => {
  const giant = "0123456789 \n".repeat(100_000);
  const failure = {
    step: 1,
    text: giant,
    position: "x:1:1",
    predicted: giant,
    observed: giant,
  };
  const text = report([
    runStart(["a"]),
    { ...scenarioEnd("a", giant, "mismatch"), failure },
    cellEnd("a"),
    RUN_END,
  ]);
  t.ok(text.length < 100_000, `${text.length} characters`);
  const { points } = parse(text);
  t.equal(points[0]?.length, 1);
  t.match(points[0]?.[0]?.diag.predicted, /the rest is in events\.jsonl$/);
});

function isFailure(verdict: Verdict): boolean {
  return seenAs(verdict) === "not ok";
}

function seenAs(verdict: Verdict): string {
  return { match: "ok", known: "todo", skip: "skip" }[verdict as string] ??
    "not ok";
}

function verdictOf({ ok, skip, todo }: Result): string {
  if (skip !== false) return "skip";
  if (todo !== false) return "todo";
  return ok ? "ok" : "not ok";
}

/** A diagnostic as it is printed: invisible characters visible, lines without trailing blanks. */
function readable(text: string): string {
  return visible(text).replace(/ +$/gm, "").replace(/\n+$/, "");
}

/** A name as it is printed: on one line, and without a brace at its end, which would open a subtest. */
function readableName(text: string): string {
  return visibleLine(text).trim().replace(/\{$/, "\\x7b") || "(no name)";
}

function same(actual: unknown, expected: unknown): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${a}\nshould be\n${e}`);
}
