/** Known faults as reasons: named where they make an answer or what comes of it, and nowhere else. */
import t from "#tap";
import fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import { answerText, ok, type RuleText } from "../../harness/model/answer.ts";
import { DIRTY_START, dirtyPages, getDirtyPages } from "../../harness/model/dirty.ts";
import { groupOpen, groupSetContainer, groupUnsetContainer } from "../../harness/model/lifecycle.ts";
import { brokenInvariants } from "../../harness/model/invariants.ts";
import { mapDma } from "../../harness/model/map.ts";
import { U64_MAX } from "../../harness/model/range_list.ts";
import { semanticsOf } from "../../harness/model/semantics.ts";
import type { Outcome, State, Type1 } from "../../harness/model/state.ts";
import { UNMAP_ALL_FLAG, unmapDma } from "../../harness/model/unmap.ts";
import { always, refuted } from "./always.ts";
import { Play } from "./play.ts";
import { type Fault, playAll, realState, rightState, type Run, runArb } from "./random_run.ts";
import { dirtyArb, execute, failureArb, toTheEndArb } from "./random_steps.ts";
import { TOP_WORLD } from "./random_worlds.ts";
import type { Rule } from "./rules.ts";
import { AMD, group, region } from "./worlds.ts";

const isFault = (rule = ""): boolean => /^§(12 |3\.3$|7\.4$)/.test(rule);

const runs = runArb(TOP_WORLD, toTheEndArb, toTheEndArb, failureArb, dirtyArb, dirtyArb);

t.test("a model that does what is right names no fault", async (t) => {
  const rules: Record<string, Rule> = {
    fault: ({ answer: { rule } }) => isFault(rule) ? rule : undefined,
  };
  always(
    t,
    fc.property(runs, (run) => void playAll(rightState(run), run.world, run.steps, rules)),
    { numRuns: 1000 },
  );
});

/** The same state without what only faults leave behind, to a model that has none. */
const mended = (state: State): State => ({
  ...state,
  semantics: semanticsOf(state.semantics.version, new Set()),
  containers: new Map(
    [...state.containers].map(([key, { type1, ...container }]) => [
      key,
      type1 ? { ...container, type1: withoutTraces(type1) } : container,
    ]),
  ),
});

/** Neither its tree of mappings nor stale bits, which no caller can see. */
const withoutTraces = (type1: Type1): Type1 => ({
  ...type1,
  tree: undefined,
  mappings: type1.mappings.map((mapping) => ({ ...mapping, staleBits: 0n })),
});

/**
 * The same step from the same state makes a difference to a model that does what is right, if that can know its way
 * about there. A refusal may come before one that is right.
 */
const faultMatters: Rule = ({ before, step, after, answer, base }) => {
  if (!isFault(answer.rule) || answer.errno !== null || brokenInvariants(before).length > 0) return undefined;
  const right = execute(mended(before), step, base);
  const isAlike = right && answerText(right.answer) === answerText(answer) &&
    isDeepStrictEqual(mended(right.state), mended(after));
  return isAlike ? `${answer.rule} makes no difference` : undefined;
};

function play(run: Run, fault?: Fault): void {
  playAll(realState(run), run.world, run.steps, { faultMatters }, fault);
}

t.test("a fault that is named makes a difference", async (t) => {
  always(t, fc.property(runs, (run) => play(run)), { numRuns: 3000 });
});

t.test("one that makes none is noticed", async (t) => {
  const blames: Fault = ({ after: state, answer }) => ({
    state,
    answer: answer.rule === "§4.1" ? { ...answer, rule: "§12 R1a" } : answer,
  });
  refuted(t, "MAP", fc.property(runs, (run) => play(run, blames)), { numRuns: 1000 });
});

const PAGE = 0x1000n;
const TOP = U64_MAX - PAGE + 1n;
/** Of a range that begins with the second page. */
const TO_THE_END = U64_MAX - PAGE + 1n;
const WORLD = new Map([
  ["a", group(AMD, [])],
  ["low", group(AMD, [region(0n, PAGE - 1n)])],
  ["middle", group(AMD, [region(0x40000000n, 0x400fffffn)])],
  ["high", group(AMD, [region(TOP, U64_MAX)])],
]);

type Step = (state: State) => Outcome;

const map = (iova: bigint, size = PAGE): Step => (state) => mapDma(state, "c", { iova, size, flags: 3 });
const unmap = (iova: bigint, size = PAGE, flags = 0): Step => (state) =>
  unmapDma(state, "c", { iova, size, flags });
const open = (name: string): Step => (state) => groupOpen(state, name);
const join = (name: string): Step => (state) => groupSetContainer(state, name, "c");
const leave = (name: string): Step => (state) => groupUnsetContainer(state, name);
const fail: Step = (state) => ({ state: { ...state, failingCollection: 1 }, answer: ok() });
const start: Step = (state) => dirtyPages(state, "c", DIRTY_START);
const dirty = (iova: bigint, size: bigint): Step => (state) =>
  getDirtyPages(state, "c", { iova, size, bitmap: {} });

/** What decides the last step in a container with a group, on 6.12 and on 7.3. */
const LAST: readonly [name: string, steps: Step[], old: RuleText, now: RuleText][] = [
  ["a mapping", [map(TOP)], "§4.1", "§4.1"],
  ["a mapping over one at the top", [map(TOP), map(TOP)], "§12 R1a", "§4.1 row 8"],
  ["a mapping at the top unmapped", [map(TOP), unmap(TOP)], "§12 R1a", "§5.2 row 1"],
  ["what is below one at the top", [map(TOP), map(PAGE), unmap(PAGE)], "§12 R1a", "§5.2 row 1"],
  ["the same, mapped first", [map(PAGE), map(TOP), unmap(PAGE)], "§5.2 row 1", "§5.2 row 1"],
  ["unmapped to the end", [map(PAGE), unmap(PAGE, TO_THE_END)], "§12 R1b", "§5.2 row 1"],
  ["nothing unmapped to the end", [unmap(PAGE, TO_THE_END)], "§5.2 row 1", "§5.2 row 1"],
  ["all unmapped", [map(PAGE), unmap(0n, 0n, UNMAP_ALL_FLAG)], "§5.2 row 4", "§5.2 row 4"],
  ["all, with the top", [map(PAGE), map(TOP), unmap(0n, 0n, UNMAP_ALL_FLAG)], "§12 R1c", "§5.2 row 4"],
  ["a region at the top", [open("high"), join("high")], "§2.1 row 21", "§2.1 row 21"],
  ["the same over a mapping", [map(TOP), open("high"), join("high")], "§12 R1e", "§2.1 row 10"],
  ["the last group leaves", [map(PAGE), leave("a")], "§3.1 row 4", "§3.1 row 4"],
  ["and a mapping at the top", [map(TOP), leave("a")], "§12 R1a", "§3.1 row 4"],
  [
    "a region in the middle leaves",
    [open("middle"), join("middle"), leave("middle")],
    "§3.1 row 5",
    "§3.1 row 5",
  ],
  ["a region at the bottom leaves", [open("low"), join("low"), leave("low")], "§3.3", "§3.3"],
  ["a group leaves, no memory", [open("low"), join("low"), fail, leave("low")], "§3.1 row 6", "§3.1 row 6"],
  ["dirty pages", [map(PAGE), start, dirty(0n, 2n * PAGE)], "§7.2", "§7.2"],
  ["again", [map(PAGE), start, dirty(0n, 2n * PAGE), dirty(0n, 2n * PAGE)], "§7.4", "§7.4"],
  ["dirty pages up to the end", [start, dirty(TOP, PAGE)], "§12 R1d", "§7.2"],
];

for (const [kernel, column] of [["6.12.117", 2], ["7.3.4", 3]] as const) {
  t.test(`what decides, ${kernel}`, async (t) => {
    for (const row of LAST) {
      const [name, steps] = row;
      const play = Play.real(kernel, WORLD);
      play.start(3n, "a");
      let rule: RuleText | undefined;
      for (const step of steps) ({ state: play.state, answer: { rule } } = step(play.state));
      t.equal(rule, row[column], name);
    }
  });
}
