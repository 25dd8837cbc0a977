/** What random sequences come across, and what they must not. */
import t from "#tap";
import { resolve } from "node:path";
import { assignGroups, type Target, whyNot } from "../../harness/check/assignment.ts";
import { predict } from "../../harness/check/prediction.ts";
import type { PredictedAction } from "../../harness/check/two_models.ts";
import { generate } from "../../harness/explore/generate.ts";
import type { Playable } from "../../harness/explore/playable.ts";
import { U64_MAX } from "../../harness/model/range_list.ts";
import { STEP_KINDS } from "../../harness/scenario/kinds.ts";
import { loadScenarios, type Scenario } from "../../harness/scenario/scenario.ts";
import { AMD, INTEL, targetOf } from "../check/target.ts";

const DEVICES =
  "[{ slot: 3, device: lsi53c895a }, { slot: 4, device: lsi53c895a }, slot: 5, { slot: 6, functions: 2 }]";
const SEED = 1;
/** Most refusals come up within a third of them. */
const STEPS = 60_000;
const OPTIONS = { stepsMost: 100 };

const SCENARIOS = resolve(import.meta.dirname ?? ".", "../../configs/scenarios");
/** Where the machines here are enough. */
const FOLDERS = ["seed", "type1", "domains", "dma"];

/** Devices that get other drivers, leave and come: sequences keep them. */
const OF_DEVICES = ["driver", "remove", "rescan", "plug", "unplug"];

/** What scenarios come to, and sequences only where devices get other drivers, or leave. */
const NEEDS_DEVICES = [
  "device EBUSY §1.7 row 7",
  "set-container EPERM §1.4 row 8",
  "set-container ENODEV §1.4 row 5",
  "set-container-to ENODEV §1.4 row 5",
  "group-status ENODEV §1.3",
  "group-open ENOENT §1.1 row 3",
];

function sequencesOn(target: Target): Playable[] {
  const all: Playable[] = [];
  let steps = 0;
  for (let index = 0; steps < STEPS; index++) {
    const generated = generate(SEED, index, target, OPTIONS);
    steps += generated.sequence.steps.length;
    all.push(generated);
  }
  return all;
}

const TARGETS: readonly (readonly [string, Target])[] = [
  ["amd, 6.1", targetOf(AMD, "6.1.192", DEVICES)],
  ["intel, 7.3", targetOf(INTEL, "7.3.4", DEVICES)],
];
const drawn = TARGETS.map(([name, target]) => ({ name, target, sequences: sequencesOn(target) }));

/** `map ENOSPC §4.1 row 9` */
const refusalsOf = (actions: readonly PredictedAction[]): string[] =>
  actions.flatMap(({ action, right, real }) =>
    [right, real].flatMap(({ errno, rule }) =>
      errno === null ? [] : [`${action.text.replace(/^in \w+: /, "").split(" ")[0]} ${errno} ${rule}`]
    )
  );

async function loadAll(): Promise<Scenario[]> {
  const all: Scenario[] = [];
  for (const folder of FOLDERS) {
    for (const { name } of Deno.readDirSync(resolve(SCENARIOS, folder))) {
      all.push(...await loadScenarios(resolve(SCENARIOS, folder, name), `${folder}/${name}`, folder));
    }
  }
  return all;
}

const scenarios = await loadAll();
for (const { name, target, sequences } of drawn) {
  t.test(`${name}: what scenarios are refused with, sequences are as well, within ${STEPS} steps`, async (t) => {
    const reached = new Set(sequences.flatMap(({ prediction }) => refusalsOf(prediction.actions)));
    const wanted = new Set(
      scenarios.filter((scenario) => whyNot(scenario, target) === undefined).flatMap((scenario) =>
        refusalsOf(predict(scenario, assignGroups(scenario, target), target).actions)
      ),
    );
    t.ok(wanted.size > 70, `${wanted.size} refusals of scenarios`);
    t.same([...wanted].filter((refusal) => !reached.has(refusal)).sort(), [...NEEDS_DEVICES].sort());
  });
}

t.test("every kind of step is drawn that leaves the devices to vfio-pci", async (t) => {
  const kinds = new Set(
    drawn.flatMap(({ sequences }) => sequences).flatMap(({ sequence }) =>
      sequence.steps.map((step) => Object.keys(step)[0])
    ),
  );
  t.same(Object.keys(STEP_KINDS).filter((kind) => !kinds.has(kind)).sort(), [...OF_DEVICES].sort());
});

t.test("state builds up: most calls are not refused", async (t) => {
  for (const { name, sequences } of drawn) {
    const first = sequences.flatMap(({ prediction: { actions } }) =>
      actions.filter(({ stepIndex }, index) =>
        stepIndex !== undefined && stepIndex !== actions[index - 1]?.stepIndex
      )
    );
    const fine = first.filter(({ real }) => real.errno === null).length;
    t.ok(fine > first.length * 0.6, `${name}: ${fine} of ${first.length}`);
  }
});

/** `map c0 0xfffffffffffff000 size 0x1000 rw`, as far as it is about addresses. */
const MAP = /\bmap \w+ (0x[0-9a-f]+) size (0x[0-9a-f]+)/;
const END = 1n << 64n;
const PAGE_BYTES = 0x1000n;

t.test("a kernel that loses mappings at the top is seldom given one, and never of several pages", async (t) => {
  for (const { name, sequences } of drawn.filter(({ name }) => name === "amd, 6.1")) {
    const sizes = sequences.flatMap(({ prediction }) => prediction.actions).flatMap(({ action, real }) => {
      const [, iova = "0", size = "0"] = (real.errno === null && MAP.exec(action.text)) || [];
      return BigInt(iova) + BigInt(size) === END ? [BigInt(size)] : [];
    });
    t.ok(sizes.every((size) => size === PAGE_BYTES), name);
    const leaking = sequences.filter(({ prediction }) => prediction.leakedPages > 0n).length;
    t.ok(leaking <= sequences.length / 50, `${name}: ${leaking} of ${sequences.length}`);
  }
});

const MEMORY_MOST = 20n << 20n;

t.test("the guest never has to find much memory", async (t) => {
  for (const { name, sequences } of drawn) {
    const most = sequences.map(({ prediction: { actions } }) =>
      actions.reduce((sum, { action, real }) => {
        const [, , size = "0"] = (real.errno === null && MAP.exec(action.text)) || [];
        return sum + BigInt(size);
      }, 0n)
    );
    t.ok(most.every((bytes) => bytes <= MEMORY_MOST), name);
  }
});

/** `dirty-get c0 0x40000 size 0x1000`, `unmap c0 0x40000 size 0x1000 flags=0x1` */
const BITMAP = /\b(?:dirty-get|unmap) \w+ 0x[0-9a-f]+ size (0x[0-9a-f]+)(?: |$)/;
const ASKED_MOST = 16n << 20n;

t.test("nobody has to look at more than a few thousand dirty bits", async (t) => {
  for (const { name, sequences } of drawn) {
    const answered = sequences.flatMap(({ prediction }) => prediction.actions)
      .filter(({ real }) => real.errno === null && "dirty" in real.values);
    const sizes = answered.map(({ action }) => BigInt(BITMAP.exec(action.text)?.[1] ?? U64_MAX));
    t.ok(sizes.length > 0 && sizes.every((size) => size <= ASKED_MOST), `${name}: ${sizes.length} bitmaps`);
  }
});
