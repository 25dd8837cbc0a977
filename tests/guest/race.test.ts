// deadline: 400 s
/** Two threads in a guest of two processors: they overlap, what they do is explained, and a lock that is missing shows. */
import t from "#tap";
import { join } from "node:path";
import type { CellPlan } from "../../harness/check/cell_plan.ts";
import { targetOf } from "../../harness/check/preparation.ts";
import { exploreRaces, stageOf } from "../../harness/explore/race/explore_races.ts";
import { type Both, takesTurns } from "../../harness/explore/race/linearize.ts";
import type { Race } from "../../harness/explore/race/race.ts";
import { findingText } from "../../harness/explore/race/race_text.ts";
import { RaceTrials } from "../../harness/explore/race/race_trials.ts";
import { Guest } from "../../harness/guest/guest.ts";
import { DEFAULT_DMA_ENTRY_LIMIT } from "../../harness/model/state.ts";
import type { Action } from "../../harness/scenario/action.ts";
import { setIommuAction, TYPE1_V2 } from "../../harness/scenario/steps/container.ts";
import { setContainerAction } from "../../harness/scenario/steps/group.ts";
import { mapAction } from "../../harness/scenario/steps/map.ts";
import { unmapAction } from "../../harness/scenario/steps/unmap.ts";
import { buildMutant } from "./mutant.ts";
import { plannedCell } from "./planned_cell.ts";

const KERNEL = "debian:6.12";
const MACHINE = "intel-iommu";

const plan = await plannedCell(t, KERNEL, MACHINE);
const RACES = 200;
const { signal } = new AbortController();

t.test("the probe makes calls ready, makes them, and says what the kernel said to each", async (t) => {
  const guestPlan = await plan.guestPlan(await folder(plan, "protocol"));
  await using guest = await Guest.boot({ ...guestPlan, processors: 2 }, plan.limits);
  t.equal(await guest.ask("read /sys/devices/system/cpu/online"), "ok value=0-1");
  const [group = ""] = /group=\d+/.exec(await guest.ask("bind 0000:00:03.0")) ?? [];
  t.same(
    await guest.request([
      "race go",
      "open c0",
      `group-open A ${group.replace("group=", "")}`,
      "race 1 set-container A c0",
      "race 1 set-iommu c0 3",
      "race 1 map c0 0x1000 0x1000 rw",
      "race 1 info c0 argsz=4",
      "race 2 check-extension c0 1",
      "race go",
    ]),
    [...Array(8).fill("ok"), "ok 1.1=ok 1.2=ok 1.3=ok 1.4=err%20EINVAL 2.1=ok%20value=1"],
  );
  t.same(
    await guest.request([
      "race 2 unmap c0 0x1000 0x1000",
      "race 1 map c0 0x5000 0x1000 rw",
      "race go",
      "race go",
    ]),
    ["ok", "ok", "ok 1.1=ok 2.1=ok%20size=0x1000", "ok"],
    "calls are made once",
  );
  t.same(
    await guest.request([
      "race",
      "race 3 map c0 0x1000 0x1000 rw",
      "race go 1",
      "race 1",
      "race 1 open c1",
      "race 1 race go",
      "race 1 map c1 0x1000 0x1000 rw",
      "race 1 map c0",
      "race 2 info c0",
      ...Array.from({ length: 17 }, () => "race 2 dirty c0 start"),
    ]),
    [
      "bad too few or too many words after race",
      "bad race is `1 COMMAND`, `2 COMMAND` or `go`, not 3",
      "bad race is `1 COMMAND`, `2 COMMAND` or `go`, not go",
      "bad race is `1 COMMAND`, `2 COMMAND` or `go`, not 1",
      "bad not a single call: open",
      "bad not a single call: race",
      "bad no open container c1",
      "bad too few or too many words after map",
      "bad without argsz, info may take two calls",
      ...Array.from({ length: 16 }, () => "ok"),
      "bad this thread has 16 calls to make, one more is too many: dirty c0 start",
    ],
  );
  t.match(await guest.ask("reset"), /^ok vmlck=0x0 /, "what a race has mapped is given back");
  t.equal(await guest.ask("race go"), "ok", "what wasn't made is forgotten");
});

/** The same few pages, mapped and unmapped by both threads. */
function contest(calls: number): Race {
  const span = { iova: 0x40000000n, size: 0x1000n };
  const actions = Array.from(
    { length: calls },
    (_, index): Action =>
      index % 2 === 0 ? mapAction("c0", { ...span, flags: 3 }) : unmapAction("c0", { ...span, flags: 0 }),
  );
  const threads: Both<Action[]> = [actions, actions];
  const setup = [setContainerAction("A", "c0"), setIommuAction("c0", TYPE1_V2)];
  return { seed: 0, index: 0, regions: new Map(), mappingLimit: DEFAULT_DMA_ENTRY_LIMIT, setup, threads };
}

/** A host whose processors are all busy gives a guest one of them for many races in a row. */
const CONTESTS_MOST = 1200;

// Which of two single calls is first is the same nearly always where nothing else runs: only turns show that both run.
t.test("both threads run at the same time: they take turns", async (t) => {
  const target = targetOf(plan);
  const stage = stageOf(plan, target);
  await using trials = new RaceTrials({ plan, target, stage, signal, onBoot: () => {} });
  const batch = Array.from({ length: 20 }, () => contest(4));
  const orders: string[] = [];
  while (orders.length < CONTESTS_MOST && !orders.some(takesTurns)) {
    const { findings } = await trials.play(batch, (order) => orders.push(order));
    for (const finding of findings) t.fail(findingText(finding));
    if (findings.length > 0) return;
  }
  t.ok(orders.some(takesTurns), `turns in ${orders.filter(takesTurns).length} of ${orders.length}`);
});

t.test("whatever threads do at the same time, a kernel as it is packaged is explained", async (t) => {
  const report = await exploreRaces(plan, {
    seed: 1,
    racesMost: RACES,
    timeLimitMs: 60_000,
    signal,
    emit: () => {},
  });
  if (report.finding) t.fail(findingText(report.finding, report.odds));
  t.equal(report.races, RACES);
  t.equal(report.oneAfterTheOther + report.turnTaking, RACES, `turns in ${report.turnTaking}`);
});

/** Found after ten seconds where nothing else runs; a busy host seldom lets both threads run at the same time. */
const FIND_TIME_MS = 240_000;

t.test("a check that is made without the lock is found, and shown", async (t) => {
  const module = await buildMutant(KERNEL, "race-budget", [
    {
      in: "vfio_dma_do_map",
      replace: "\tmutex_lock(&iommu->lock);\n",
      by: "\tbool is_full = !iommu->dma_avail;\n\tmutex_lock(&iommu->lock);\n",
    },
    { in: "vfio_dma_do_map", replace: "if (!iommu->dma_avail) {", by: "if (is_full) {" },
  ]);
  const mutant = await plannedCell(t, KERNEL, MACHINE, [], [module]);
  const report = await exploreRaces(mutant, {
    seed: 1,
    timeLimitMs: FIND_TIME_MS,
    shrinkLimitMs: 1000,
    signal,
    emit: () => {},
  });
  const { finding, asFound } = report;
  t.match(finding, { verdict: "mismatch", unexplained: { misfits: [{ place: /^thread|^after/ }] } });
  t.match(
    asFound && findingText(asFound),
    /^no order of the calls explains the answers \(race \d+ of seed 1\)\n/,
  );
  t.comment(`${report.races} races before; ${finding && findingText(finding, report.odds)}`);
});

async function folder({ artifactsDir }: CellPlan, name: string): Promise<string> {
  const path = join(artifactsDir, name);
  await Deno.mkdir(path, { recursive: true });
  return path;
}
