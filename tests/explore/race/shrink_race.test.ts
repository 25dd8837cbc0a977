import t from "#tap";
import type { Finding } from "../../../harness/explore/race/finding.ts";
import type { Race } from "../../../harness/explore/race/race.ts";
import {
  candidatesOf,
  oddsOf,
  type Shrinking,
  shrinkRace,
} from "../../../harness/explore/race/shrink_race.ts";
import { DEFAULT_DMA_ENTRY_LIMIT } from "../../../harness/model/state.ts";
import type { Action } from "../../../harness/scenario/action.ts";
import { openAction } from "../../../harness/scenario/steps/container.ts";

/** Calls with nothing but a name. */
const calls = (...names: string[]): Action[] => names.map((name) => ({ ...openAction(name), text: name }));

const RACE: Race = {
  seed: 1,
  index: 2,
  regions: new Map([["A", []], ["B", [{ start: 0n, last: 0n, kind: "reserved" }]]]),
  mappingLimit: 2,
  setup: calls("s", "t"),
  threads: [calls("a", "b", "c"), calls("d", "e")],
};

const namesIn = ({ setup, threads }: Race): string =>
  [setup, ...threads].map((actions) => actions.map(({ text }) => text).join("")).join(" ");

const finding = (race: Race, verdict: Finding["verdict"] = "mismatch"): Finding => ({
  race,
  verdict,
  reason: "",
  console: [],
  ...(verdict === "mismatch" ? { unexplained: { farthest: "", misfits: [], fitNowhere: [] } } : {}),
});

interface Behaviour {
  /** How a race fails the next time it is played; undefined when it doesn't. */
  fails(race: Race): Finding["verdict"] | undefined;
  isOver?: () => boolean;
}

function shrinkingOf(
  { fails, isOver = () => false }: Behaviour,
): Shrinking & { told: string[]; boots: number } {
  const shrinking = {
    told: [] as string[],
    boots: 0,
    play: async (race: Race, times: number) => ({
      findings: Array.from({ length: times }, () => fails(race)).flatMap((verdict) =>
        verdict === undefined ? [] : [finding(race, verdict)]
      ),
      trials: times,
    }),
    refresh: async () => void shrinking.boots++,
    isOver,
    onSmaller: ({ race }: Finding) => void shrinking.told.push(namesIn(race)),
  };
  return shrinking;
}

t.test("every candidate lacks one thing", async (t) => {
  t.same(candidatesOf(RACE).map(namesIn), [
    "st bc de",
    "st ac de",
    "st ab de",
    "st abc e",
    "st abc d",
    "t abc de",
    "s abc de",
    "st abc de",
    "st abc de",
  ]);
  const [bare, roomy] = candidatesOf(RACE).slice(-2);
  t.same([...bare!.regions], [["A", []], ["B", []]]);
  t.equal(roomy!.mappingLimit, DEFAULT_DMA_ENTRY_LIMIT);
});

t.test("what isn't needed is left out, although what is left fails rarely", async (t) => {
  let played = 0;
  const shrinking = shrinkingOf({
    fails: (race) => /s.*b.*e/.test(namesIn(race)) && played++ % 150 === 149 ? "mismatch" : undefined,
  });
  const { race } = await shrinkRace(finding(RACE), shrinking);
  t.equal(namesIn(race), "s b e");
  t.same([...race.regions.values()].flat(), []);
  t.equal(race.mappingLimit, DEFAULT_DMA_ENTRY_LIMIT);
  t.equal(shrinking.told.at(-1), "s b e");
});

t.test("a crash that only an earlier race's guest has is no reason to leave anything out", async (t) => {
  let isSpoiled = true;
  const shrinking = shrinkingOf({ fails: () => isSpoiled ? "crash" : undefined });
  shrinking.refresh = async () => void (isSpoiled = false);
  t.equal(namesIn((await shrinkRace(finding(RACE, "crash"), shrinking)).race), namesIn(RACE));
});

t.test("a crash is not what a race of wrong answers is shrunk to", async (t) => {
  const shrinking = shrinkingOf({ fails: () => "crash" });
  t.equal(namesIn((await shrinkRace(finding(RACE), shrinking)).race), namesIn(RACE));
});

t.test("when time is up, the smallest so far is the result", async (t) => {
  let left = 2;
  const shrinking = shrinkingOf({ fails: () => "mismatch", isOver: () => left === 0 });
  shrinking.onSmaller = () => void left--;
  t.equal(namesIn((await shrinkRace(finding(RACE), shrinking)).race), "st c de");
});

t.test("odds are counted until the race has failed", async (t) => {
  let played = 0;
  const rarely = shrinkingOf({ fails: () => ++played === 450 ? "mismatch" : undefined });
  t.same(await oddsOf(RACE, rarely), { failures: 1, repetitions: 460 });
  const often = shrinkingOf({ fails: () => ++played % 2 === 0 ? "hang" : undefined });
  t.same(await oddsOf(RACE, often), { failures: 100, repetitions: 200 });
  t.same(await oddsOf(RACE, shrinkingOf({ fails: () => undefined, isOver: () => true })), {
    failures: 0,
    repetitions: 100,
  });
  const hangs = { ...shrinkingOf({ fails: () => undefined, isOver: () => true }), boots: 0 };
  hangs.play = async (race) => ({ findings: [finding(race, "hang")], trials: 1 });
  t.same(await oddsOf(RACE, hangs), { failures: 3, repetitions: 3 }, "each costs a guest");
});
