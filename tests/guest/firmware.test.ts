// deadline: 600 s
/** Regions that firmware reserves: tables of one's own in real guests, and guests that don't get them. */
import t from "#tap";
import type { GuestPlan } from "../../harness/check/cell_plan.ts";
import { type OwnTable, tablesArchive } from "../../harness/check/firmware_tables.ts";
import { loadAllScenarios, loadAllSuites } from "../../harness/cli/configs.ts";
import { concatenatedArchives } from "../../harness/guest/initramfs.ts";
import { withIvmds } from "../../harness/machine/acpi/ivrs.ts";
import { parseFirmwareRegion } from "../../harness/machine/acpi/region.ts";
import type { Event } from "../../harness/report/events.ts";
import { selectScenarios } from "../../harness/scenario/suite.ts";
import { runGuests } from "./command.ts";
import { GONE } from "./gone.ts";
import { outDir } from "./out_dir.ts";
import { plannedCell, playCell } from "./planned_cell.ts";
import { deviationsIn, failuresOf } from "./tap_output.ts";

const MACHINES = [
  ...["amd-ivmd", "amd-ivmd-all", "amd-ivmd-bridges"],
  ...["intel-rmrr", "intel-rmrr-bridges", "smmuv3-rmr"],
];
/** Who gives devices with direct regions away, and who doesn't. */
const KERNELS = ["debian:6.1", "debian:6.12"];

/** The suite, and what known faults have to do with firmware. */
const WANTED = ["firmware", "deviations/sticky-edges-of-firmware"];

const scenarios = selectScenarios(await loadAllScenarios(), await loadAllSuites(), WANTED);

t.test("every scenario of the suite, on kernels that give such devices away and kernels that don't", async (t) => {
  const options = [
    ...KERNELS.flatMap((kernel) => ["--kernel", kernel]),
    ...MACHINES.flatMap((machine) => ["--machine", machine]),
  ];
  const { code, stderr, tap } = await runGuests([...options, "--out", await outDir(t), ...WANTED]);
  t.equal(code, 0, "exit code", { stderr });
  t.same(tap.faults, []);
  t.equal(tap.cells.length, KERNELS.length * MACHINES.length);
  t.same(tap.cells.flatMap(failuresOf), []);
  const points = tap.cells.flatMap(({ points }) => points);
  t.same([...deviationsIn(points)], ["sticky-edges"]);
  const played = new Set(points.filter(({ skip }) => skip === undefined).map(({ name }) => name));
  const unplayed = scenarios.filter(({ id, when }) => !when.kernel?.includes("<5.19") && !played.has(id));
  t.same(unplayed.map(({ id }) => id), []);
});

t.test("the oldest kernel, which refuses at the attach", async (t) => {
  const options = ["--kernel", "debian:5.10", "--machine", "intel-rmrr", "--out", await outDir(t)];
  const { code, stderr, tap } = await runGuests([...options, "firmware"]);
  const [, gone] = GONE.exec(stderr) ?? [];
  if (code === 3 && gone !== undefined) return void t.pass("5.10 can't be had", { skip: gone });
  t.equal(code, 0, "exit code", { stderr });
  t.same(tap.cells.flatMap(failuresOf), []);
  const set = tap.cells.flatMap(({ points }) => points).find(({ name }) =>
    name.endsWith("/set-iommu-lets-the-other-go")
  );
  t.ok(set?.ok && set.skip === undefined);
});

/** Runs a cell of amd-ivmd whose guest gets another table than planned, and tells what came of it. */
async function runWith(
  t: Parameters<typeof outDir>[0],
  change: (table: OwnTable) => OwnTable,
): Promise<{ exitCode: number; events: Event[] }> {
  const plan = await plannedCell(t, "debian:6.12", "amd-ivmd", scenarios.slice(0, 1));
  return await playCell({
    ...plan,
    guestPlan: async (dir) => await exchanged(await plan.guestPlan(dir), change),
  });
}

/** The initramfs with another table in front. */
async function exchanged(plan: GuestPlan, change: (table: OwnTable) => OwnTable): Promise<GuestPlan> {
  const { tables = [], initramfs } = plan;
  if (tables.length === 0) throw new Error("the machine has no table of its own");
  const changed = tables.map(change);
  const rest = (await Deno.readFile(initramfs)).subarray(tablesArchive(tables).length);
  await Deno.writeFile(initramfs, concatenatedArchives(tablesArchive(changed), rest));
  return { ...plan, tables: changed };
}

t.test("a table that is no newer than QEMU's isn't taken, which is a fault of the harness", async (t) => {
  const { exitCode, events } = await runWith(t, (table) => {
    const bytes = Uint8Array.from(table.bytes);
    // The OEM revision, and what it adds to the checksum.
    bytes[24]! -= 1;
    bytes[9]! += 1;
    return { ...table, bytes };
  });
  t.equal(exitCode, 3);
  t.match(events.find(({ type }) => type === "cell-end"), {
    fault: {
      verdict: "harness-fault",
      text: /^the kernel has not taken the IVRS table of the machine: what it has is QEMU's own$/,
    },
  });
});

t.test("a table that doesn't say what was predicted is seen before any scenario", async (t) => {
  const { exitCode, events } = await runWith(t, (table) => ({
    ...table,
    bytes: withIvmds(Uint8Array.from(table.qemus), [
      parseFirmwareRegion("0x50000000..0x5000efff unity for 00:04.0"),
    ]),
  }));
  t.equal(exitCode, 1);
  t.match(events.find(({ type }) => type === "world-checked"), {
    verdict: "mismatch",
    failure: {
      text: /^regions G1$/,
      predicted: /0x50000000\.\.0x5000ffff:direct/,
      observed: /0x50000000\.\.0x5000efff:direct/,
    },
  });
  t.match(events.find(({ type }) => type === "scenario-end"), { verdict: "skip" });
});
