// deadline: 900 s
/** The power of the suite: a kernel with one small fault must not pass. */
import t from "#tap";
import { loadAllScenarios } from "../../harness/cli/configs.ts";
import { runGuests } from "./command.ts";
import { findsFault, LiveGuest, type Played } from "./live_guest.ts";
import { buildMutant, buildMutants, type Edit } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";
import type { MachineName, Mutant } from "./mutants/mutant.ts";
import { outDir } from "./out_dir.ts";
import { plannedCell } from "./planned_cell.ts";
import { failuresOf } from "./tap_output.ts";

const NEWEST = "debian:6.12";
const KERNELS = ["debian:6.1", NEWEST];
const MACHINES: readonly MachineName[] = ["intel-iommu", "amd-iommu", "virtio-iommu", "amd-ivmd"];
/** Mutants per guest: few enough to keep all processors busy, enough for a boot not to matter. */
const SHARE = 40;
/** Guests at a time: each keeps one processor busy. */
const JOBS = navigator.hardwareConcurrency;

type Test = Pick<typeof t, "passing" | "teardown" | "comment" | "same" | "match">;

t.jobs = JOBS;

/** All but those that leave a guest behind that nothing else may run in: they would cost a boot each. */
const scenarios = (await loadAllScenarios()).filter(({ leaks }) => !leaks);

for (const kernel of KERNELS) {
  const mutants = MUTANTS.filter(({ kernels = [NEWEST] }) => kernels.includes(kernel));
  const begin = performance.now();
  const built = buildMutants(kernel, [{ name: "unchanged", edits: [] }, ...mutants]);
  // Whoever waits for it is told; here it must only not be taken for an error that nobody handles.
  built.catch(() => {});
  t.test(`${kernel}, ${mutants.length} mutants are built`, async (t) => {
    t.equal((await built).size, mutants.length + 1);
    t.comment(`${Math.round(performance.now() - begin)} ms, or none if they were in the cache`);
  });
  for (const machine of MACHINES) {
    const here = mutants.filter((mutant) => (mutant.machine ?? "intel-iommu") === machine);
    for (let first = 0; first < here.length; first += SHARE) {
      const share = here.slice(first, first + SHARE);
      t.test(`${kernel}, ${machine}, from the mutant ${share[0]?.name} on`, async (t) => {
        await using guest = new LiveGuest(await plannedCell(t, kernel, machine), await built);
        for (const mutant of share) {
          await t.test(`${mutant.name}: ${mutant.fault}`, (t) => judge(t, guest, mutant));
        }
        await t.test("unchanged after all of them, it passes", async (t) => {
          t.same(failed(await play(t, guest, "unchanged", guest.applicable(scenarios))), []);
        });
        t.comment(`${share.length} mutants in ${guest.boots} guests`);
      });
    }
  }
}

for (const kernel of KERNELS) {
  const mutant = MUTANTS.find(({ name }) => name === "no-conflict-check")!;
  t.test(`${kernel}, the command line tells of ${mutant.name}`, async (t) => {
    const module = await buildMutant(kernel, mutant.name, mutant.edits);
    const args = [
      "--kernel",
      kernel,
      "--machine",
      "intel-iommu",
      "--module",
      module,
      "--out",
      await outDir(t),
    ];
    const { code, stderr, tap } = await runGuests(args);
    t.equal(code, 1, "exit code", { stderr });
    t.same(tap.faults, []);
    const failures = tap.cells.flatMap(failuresOf);
    for (const guard of mutant.guards) {
      const { diagnostics = {} } = failures.find(({ name }) => name === guard) ?? {};
      const { verdict, step, predicted, observed, again } = diagnostics;
      t.equal(verdict, "mismatch", `${guard} fails`);
      t.match(step, /^[1-9]\d* \S/, "it names the step");
      t.ok(predicted && observed && predicted !== observed, `${predicted} is not ${observed}`);
      t.match(again, new RegExp(`^deno task run --kernel ${kernel}.* --module .*\\.ko ${guard}$`));
    }
  });
}

t.test("the table says why each mutant that none guards against is there", (t) => {
  for (const { name, guards, unreachable } of MUTANTS) {
    t.equal(guards.length === 0, unreachable !== undefined, `${name} has guards or a reason`);
  }
  t.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length, "names differ");
  t.end();
});

t.test("an edit that doesn't fit the source is an error, not another mutant", async (t) => {
  const misfits: [edit: Edit, message: RegExp][] = [
    [
      { in: "vfio_no_such", replace: "x", by: "y" },
      /mutant misfit, debian:6\.12\..* no function vfio_no_such/,
    ],
    [{ in: "vfio_dma_do_map", replace: "no such", by: "y" }, /"no such" is 0 times in vfio_dma_do_map/],
    [{ in: "vfio_dma_do_map", replace: "-EINVAL", by: "0" }, /"-EINVAL" is \d+ times in vfio_dma_do_map/],
  ];
  for (const [edit, message] of misfits) await t.rejects(buildMutant(NEWEST, "misfit", [edit]), { message });
});

/**
 * Every guard must fail; or, where none can, every scenario must pass. Whether a kernel that has lost track of memory or
 * mappings answers wrongly or crashes of it depends on which pages it got: either finds it.
 */
async function judge(t: Test, guest: LiveGuest, mutant: Mutant): Promise<void> {
  const { name, guards, unreachable } = mutant;
  if (unreachable !== undefined) {
    t.same(failed(await play(t, guest, name, guest.applicable(scenarios))), [], unreachable);
    return;
  }
  const played = await play(t, guest, name, guards.map(named));
  for (const { scenario, execution } of played) {
    t.match(execution.verdict, /^(mismatch|crash)$/, `${scenario} fails`, { execution });
  }
}

async function play(
  t: Test,
  guest: LiveGuest,
  module: string,
  chosen: Parameters<LiveGuest["play"]>[1],
): Promise<Played[]> {
  const begin = performance.now();
  const boots = guest.boots;
  const played = await guest.play(module, chosen);
  const fresh = guest.boots === boots ? "" : `, ${guest.boots - boots} boots`;
  t.comment(`${Math.round(performance.now() - begin)} ms, ${played.length} scenarios${fresh}`);
  return played;
}

/** What found a fault, with its verdict and what it is about. */
const failed = (played: readonly Played[]): string[] =>
  played.filter(findsFault).map(({ scenario, execution: { verdict, actionText, difference, reason } }) =>
    [
      `${scenario}: ${verdict}`,
      actionText,
      difference && `predicted ${difference.predicted}, observed ${difference.observed}`,
      reason,
    ].filter(Boolean).join("; ")
  );

function named(id: string) {
  const scenario = scenarios.find((scenario) => scenario.id === id);
  if (!scenario) throw new Error(`no scenario is called ${id}`);
  return scenario;
}
