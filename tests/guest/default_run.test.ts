// deadline: 300 s
/** What `deno task run` does for somebody who asks for nothing in particular. */
import t from "#tap";
import { join } from "node:path";
import { loadAllScenarios, loadAllSuites, loadMachinesNamed, loadPins } from "../../harness/cli/configs.ts";
import { deviationsOf } from "../../harness/model/semantics.ts";
import { parseVersion } from "../../harness/model/version.ts";
import { readEvents, type ScenarioEnd } from "../../harness/report/events.ts";
import type { GroupNeeds } from "../../harness/scenario/scenario.ts";
import { selectScenarios } from "../../harness/scenario/suite.ts";
import { runGuests } from "./command.ts";
import { guestDirs, outDir } from "./out_dir.ts";
import { leftAfter } from "./processes.ts";
import { deviationsIn, failuresOf, type Point } from "./tap_output.ts";

const MACHINES = ["intel-iommu", "intel-iommu-48", "amd-iommu", "virtio-iommu"];

/** Shows on machines with conventional buses only, see topology.test.ts. */
const ON_BRIDGES = "sibling-cuts-off";

const scenarios = selectScenarios(await loadAllScenarios(), await loadAllSuites(), [
  "seed",
  "type1",
  "domains",
  "dma",
]);
const dir = await outDir(t);
const { code, stderr, tap } = await runGuests(["--out", dir]);
const points = tap.cells.flatMap((cell) => cell.points);
const events = readEvents(await Deno.readTextFile(join(dir, "events.jsonl")), "events.jsonl");
const ends = events.filter((event) => event.type === "scenario-end");

t.test("it succeeds, and says so in TAP", async (t) => {
  t.equal(code, 0, "exit code", { stderr });
  t.same(tap.faults, []);
  t.equal(tap.bailout, undefined);
  t.same(tap.cells.flatMap(failuresOf), []);
  t.ok(tap.cells.every(({ ok, skip }) => ok && skip === undefined));
});

t.test("it runs the pinned kernel on every kind of vIOMMU", async (t) => {
  const { kernel, qemu } = await loadPins();
  t.same(tap.cells.map(({ name }) => name.split(" ").at(-1)), MACHINES);
  for (const { name } of tap.cells) t.match(name, new RegExp(`^${kernel}\\S* ${qemu} `));
});

t.test("every scenario of these suites has its point in every cell", async (t) => {
  const expected = ["world", ...scenarios.map(({ id }) => id)].sort();
  for (const cell of tap.cells) t.same(cell.points.map(({ name }) => name).sort(), expected, cell.name);
});

t.test("the world is checked everywhere; every scenario for this kernel and these devices is played somewhere", async (t) => {
  const played = points.filter(({ skip }) => skip === undefined).map(({ name }) => name);
  t.equal(played.filter((name) => name === "world").length, MACHINES.length);
  const slots = (await loadMachinesNamed(MACHINES)).flatMap((machine) => machine.slots);
  const isThere = ({ is, device }: GroupNeeds) =>
    slots.some((slot) => (is ?? slot.name) === slot.name && (device ?? slot.device) === slot.device);
  const unplayed = scenarios.filter(({ id, when, groups }) =>
    when.kernel === undefined && [...groups.values()].every(isThere) && !played.includes(id)
  );
  t.same(unplayed.map(({ id }) => id), []);
});

t.test("the kernel departs from what is right only where that is known", async (t) => {
  const version = parseVersion(/^debian:(\S+)/.exec(tap.cells[0]?.name ?? "")?.[1] ?? "");
  const here = version && [...deviationsOf(version)].filter((name) => name !== ON_BRIDGES).sort();
  t.same([...deviationsIn(points)].sort(), here);
  const known = points.filter(({ todo }) => todo !== undefined);
  t.ok(known.every(({ name }) => name.startsWith("deviations/")), "and only in scenarios about it");
});

t.test("the events tell the same verdicts", async (t) => {
  const shown = tap.cells.flatMap(({ name: cell, points }) =>
    points.filter(({ name }) => name !== "world").map((point) =>
      [cell, point.name, verdictOf(point)].join(" ")
    )
  );
  t.same(ends.map(({ cell, scenario, verdict }) => [cell, scenario, verdict].join(" ")).sort(), shown.sort());
  const end = events.at(-1);
  t.match(end, { type: "run-end", exitCode: 0, counts: { match: count(ends, "match"), mismatch: 0 } });
});

t.test("every guest leaves its logs", async (t) => {
  const guests = await guestDirs(dir);
  t.ok(guests.length >= MACHINES.length, `${guests.length} guests`);
  for (const guest of guests) {
    for (const log of ["console.log", "qemu-command.json", "qmp.log", "probe.log"]) {
      t.ok((await Deno.stat(join(guest, log))).size > 0, join(guest, log));
    }
  }
});

t.test("nothing is left running", async (t) => {
  t.same(await leftAfter(dir, 0), []);
});

function verdictOf({ ok, skip, todo }: Point): string {
  if (skip !== undefined) return "skip";
  if (todo !== undefined) return "known";
  return ok ? "match" : "failure";
}

function count(ends: readonly ScenarioEnd[], verdict: string): number {
  return ends.filter((end) => end.verdict === verdict).length;
}
