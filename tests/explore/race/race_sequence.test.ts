import t from "#tap";
import type { Target } from "../../../harness/check/assignment.ts";
import { stageOf } from "../../../harness/explore/race/explore_races.ts";
import { linearize, type Observed, takesTurns } from "../../../harness/explore/race/linearize.ts";
import {
  aftermathOf,
  preparationOf,
  type Race,
  type Stage,
  worldOf,
} from "../../../harness/explore/race/race.ts";
import { drawRace } from "../../../harness/explore/race/race_sequence.ts";
import { deviationsOf, semanticsOf } from "../../../harness/model/semantics.ts";
import { initialState } from "../../../harness/model/state.ts";
import type { Action } from "../../../harness/scenario/action.ts";
import { AMD, INTEL, targetOf, VIRTIO } from "../../check/target.ts";
import { machineWith } from "../../machine/machines.ts";

const SEED = 4;
const RACES = 300;

const stage = (target: Target, lackOfModules?: string): Stage =>
  stageOf({ machine: machineWith(INTEL), lackOfModules }, target);

const races = (stage: Stage): Race[] =>
  Array.from({ length: RACES }, (_, index) => drawRace(SEED, index, stage));

/** Answers of a kernel of that version that lets threads take turns as the numbers say. */
function played(target: Target, stage: Stage, race: Race, turns: readonly number[]) {
  const known = deviationsOf(target.version);
  const initial = initialState(semanticsOf(target.version, known), worldOf(stage, race));
  let state = initial;
  const answer = (action: Action): Observed => {
    const outcome = action.apply(state);
    state = outcome.state;
    return { action, answer: outcome.answer };
  };
  const before = preparationOf(stage, race).map(answer);
  const threads: [Observed[], Observed[]] = [[], []];
  for (const thread of turns) {
    const action = race.threads[thread]?.[threads[thread]!.length];
    if (action) threads[thread]!.push(answer(action));
  }
  return { initial, history: { before, threads, after: aftermathOf(stage).map(answer) } };
}

const ALTERNATING = Array.from({ length: 10 }, (_, index) => index % 2);

for (
  const [name, target] of [
    ["intel", targetOf(INTEL)],
    ["intel with 7.3", targetOf(INTEL, "7.3.4")],
    ["amd with 6.1", targetOf(AMD, "6.1.170")],
    ["virtio with 5.10", targetOf(VIRTIO, "5.10.200")],
  ] as const
) {
  t.test(`${name}: whatever threads do is explained when they really took turns`, async (t) => {
    const drawn = races(stage(target));
    const orders = drawn.map((race) => {
      const { initial, history } = played(target, stage(target), race, ALTERNATING);
      const linearized = linearize(initial, history);
      if ("unexplained" in linearized) t.fail(`race ${race.index}`, linearized.unexplained);
      return "order" in linearized ? linearized.order : "";
    });
    t.ok(orders.filter(takesTurns).length > RACES / 5, "and in many races it shows that they did");
  });
}

t.test("the same seed gives the same races, another others", async (t) => {
  const texts = (seed: number) =>
    Array.from({ length: 20 }, (_, index) => textOf(drawRace(seed, index, stage(targetOf()))));
  t.same(texts(SEED), texts(SEED));
  t.equal(new Set([...texts(SEED), ...texts(SEED + 1)]).size, 40);
});

const textOf = ({ setup, threads, mappingLimit, regions }: Race): string =>
  [mappingLimit, ...[...regions.values()].flat().map(({ start }) => start), ...setup, ...threads.flat()]
    .map((part) => typeof part === "object" ? part.text : String(part)).join("\n");

t.test("every call there is comes to pass, and none takes the last group away", async (t) => {
  const texts = races(stage(targetOf())).flatMap(({ threads }) => threads.flat().map(({ text }) => text));
  const words = new Set(texts.map((text) => text.split(" ")[0]));
  t.same(
    [...words].sort(),
    [
      "check-extension",
      "dirty",
      "dirty-get",
      "info",
      "map",
      "set-container",
      "set-iommu",
      "unmap",
      "unset-container",
    ],
  );
  for (const flags of ["flags=0x1", "flags=0x2", "flags=0x4"]) {
    t.ok(texts.some((text) => text.endsWith(flags)));
  }
  t.notOk(texts.includes("unset-container A"));
  const left = races({ ...stage(targetOf()), mayEmpty: true }).flatMap(({ threads }) => threads.flat());
  t.ok(left.some(({ text }) => text === "unset-container A"), "unless that is wanted");
});

t.test("without the module no region is injected", async (t) => {
  const bare = stage(targetOf(), "no headers");
  t.same(races(bare).flatMap(({ regions }) => [...regions.values()].flat()), []);
  t.notOk(preparationOf(bare, races(bare)[0]!).some(({ text }) => text.startsWith("inject")));
});

t.test("a machine of one group has no races", async (t) => {
  const { groups } = targetOf();
  t.throws(() => stageOf({ machine: machineWith(INTEL) }, { groups: groups.slice(0, 1) }), {
    message: /too few groups for races/,
  });
});
