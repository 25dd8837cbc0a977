/** What failed is played again on fresh guests, and nothing of it is hidden. */
import t from "#tap";
import { rehearse } from "../../harness/check/rehearsal.ts";
import { runCells } from "../../harness/check/run.ts";
import type { Event } from "../../harness/report/events.ts";
import { parseScenarios } from "../../harness/scenario/scenario.ts";
import { cellWith, type Conduct, type StandInGuest } from "./stand_in_guests.ts";

const [ONE, TWO] = parseScenarios(
  "scenario: one\nrule: §1\nsteps: [attach: A]\n---\nscenario: two\nrule: §1\nsteps: [group-open: A]\n",
  "seed/a.yaml",
  "seed",
);
if (!ONE || !TWO) throw new Error("two documents are two scenarios");
const BOTH = [ONE, TWO];

interface Run {
  readonly exitCode: number;
  readonly events: readonly Event[];
  /** How many guests were wanted. */
  readonly guests: number;
}

/** Runs a cell; `interruptAt` is the guest whose boot is interrupted. */
async function run(
  guests: readonly StandInGuest[],
  retries: number,
  artifactsDir: string,
  interruptAt?: number,
): Promise<Run> {
  const events: Event[] = [];
  const interruption = new AbortController();
  const scenarios = BOTH.filter((scenario) => guests.some((guest) => guest.includes(scenario)));
  let wanted = 0;
  const cell = cellWith(guests, { scenarios, retries, artifactsDir }, (guest) => {
    wanted = guest;
    if (guest === interruptAt) interruption.abort();
  });
  const exitCode = await runCells({
    cells: rehearse([cell], () => {}),
    jobs: 1,
    commandLine: [],
    version: "0",
    signal: interruption.signal,
    emit: (event) => void events.push(event),
  });
  return { exitCode, events, guests: wanted };
}

const of = <T extends Event["type"]>(events: readonly Event[], type: T) =>
  events.filter((event): event is Extract<Event, { type: T }> => event.type === type);

interface Case {
  readonly name: string;
  readonly conducts: readonly Conduct[];
  readonly retries: number;
  readonly verdict: string;
  /** Undefined when it is played once. */
  readonly attempts?: readonly string[];
  readonly exitCode: number;
  /** Of the attempt that is told. */
  readonly told: object;
}

const DIFFERS = { failure: { step: 1, observed: "EXDEV" } };
const CRASHED = { reason: /^the kernel crashed/ };
const DIED = { reason: /^QEMU ended with exit code 7/ };

const CASES: readonly Case[] = [
  { name: "a match", conducts: ["match"], retries: 3, verdict: "match", exitCode: 0, told: {} },
  {
    name: "without retries",
    conducts: ["mismatch"],
    retries: 0,
    verdict: "mismatch",
    exitCode: 1,
    told: DIFFERS,
  },
  {
    name: "it passes the second time",
    conducts: ["mismatch", "match"],
    retries: 3,
    verdict: "flaky",
    attempts: ["mismatch", "match"],
    exitCode: 1,
    told: DIFFERS,
  },
  {
    name: "it passes the last time",
    conducts: ["mismatch", "mismatch", "match"],
    retries: 2,
    verdict: "flaky",
    attempts: ["mismatch", "mismatch", "match"],
    exitCode: 1,
    told: DIFFERS,
  },
  {
    name: "it never passes",
    conducts: ["mismatch", "mismatch", "mismatch"],
    retries: 2,
    verdict: "mismatch",
    attempts: ["mismatch", "mismatch", "mismatch"],
    exitCode: 1,
    told: DIFFERS,
  },
  {
    name: "a crash, then a match",
    conducts: ["crash", "match"],
    retries: 1,
    verdict: "flaky",
    attempts: ["crash", "match"],
    exitCode: 1,
    told: CRASHED,
  },
  {
    name: "two ways to fail: the first is told",
    conducts: ["crash", "mismatch"],
    retries: 1,
    verdict: "crash",
    attempts: ["crash", "mismatch"],
    exitCode: 1,
    told: CRASHED,
  },
  {
    name: "a fault of the harness tells less than the mismatch after it",
    conducts: ["harness-fault", "mismatch"],
    retries: 1,
    verdict: "mismatch",
    attempts: ["harness-fault", "mismatch"],
    exitCode: 1,
    told: DIFFERS,
  },
  {
    name: "a fault of the harness, then a match: nothing against the kernel",
    conducts: ["harness-fault", "match"],
    retries: 1,
    verdict: "flaky",
    attempts: ["harness-fault", "match"],
    exitCode: 3,
    told: DIED,
  },
];

for (const { name, conducts, retries, verdict, attempts, exitCode, told } of CASES) {
  t.test(name, async (t) => {
    const guests = conducts.map((conduct): StandInGuest => [conduct, ONE]);
    const played = await run(guests, retries, t.testdir());
    t.equal(played.exitCode, exitCode);
    t.equal(played.guests, conducts.length, "a fresh guest each time, and none too many");
    const ends = of(played.events, "scenario-end");
    t.equal(ends.length, 1, "one verdict");
    t.match(ends[0], { verdict, scenario: "seed/one", again: "again seed/one", ...told });
    t.same(ends[0]?.attempts, attempts);
    t.same(
      of(played.events, "attempt-end").map(({ attempt, guest, verdict }) => [attempt, guest, verdict]),
      attempts?.map((verdict, index) => [index + 1, index + 1, verdict]) ?? [],
      "each attempt is told",
    );
    t.same(of(played.events, "cell-end").map(({ fault }) => fault), [undefined]);
    t.equal(of(played.events, "run-end")[0]?.counts[ends[0]!.verdict], 1);
  });
}

t.test("what fails comes again when everything else has been played, on a guest of its own", async (t) => {
  const guests: StandInGuest[] = [["mismatch", ONE], ["match", TWO], ["match", ONE]];
  const { exitCode, events } = await run(guests, 1, t.testdir());
  t.equal(exitCode, 1);
  t.same(of(events, "scenario-end").map(({ scenario, verdict }) => [scenario, verdict]), [
    ["seed/two", "match"],
    ["seed/one", "flaky"],
  ]);
  t.same(of(events, "attempt-end").map(({ guest }) => guest), [1, 3]);
});

t.test("a guest that doesn't boot again hides no failure", async (t) => {
  const { exitCode, events } = await run([["mismatch", ONE], ["no-boot", ONE]], 2, t.testdir());
  t.equal(exitCode, 1);
  t.match(of(events, "scenario-end"), [{ verdict: "mismatch", ...DIFFERS }]);
  t.match(of(events, "cell-end"), [{ fault: { verdict: "harness-fault", text: "no such guest" } }]);
});

t.test("nor does an interruption", async (t) => {
  const { exitCode, events } = await run([["mismatch", ONE], ["match", ONE]], 2, t.testdir(), 2);
  t.equal(exitCode, 130);
  t.match(of(events, "scenario-end"), [{ verdict: "mismatch", ...DIFFERS }]);
  t.same(of(events, "cell-end"), []);
});
