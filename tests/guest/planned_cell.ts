/** A cell of one kernel and one machine, for tests that change its guests, or deal with them themselves. */
import type t from "#tap";
import type { CellPlan } from "../../harness/check/cell_plan.ts";
import { planRun } from "../../harness/check/plan.ts";
import { rehearse } from "../../harness/check/rehearsal.ts";
import { runCells } from "../../harness/check/run.ts";
import { loadAllMachines, loadPins } from "../../harness/cli/configs.ts";
import { defaultCacheDir } from "../../harness/components/cache.ts";
import type { Event } from "../../harness/report/events.ts";
import type { Scenario } from "../../harness/scenario/scenario.ts";
import { outDir } from "./out_dir.ts";

const LIMITS = { bootTimeoutMs: 60_000, replyTimeoutMs: 10_000 };

/** With the pinned QEMU. Its logs stay in a folder that the test's output names. */
export async function plannedCell(
  test: Pick<typeof t, "passing" | "teardown" | "comment">,
  kernel: string,
  machineName: string,
  scenarios: readonly Scenario[] = [],
  modules: readonly string[] = [],
): Promise<CellPlan> {
  const pins = await loadPins();
  const machines = (await loadAllMachines()).filter(({ name }) => name === machineName);
  const [plan] = await planRun({
    cells: machines.map((machine) => ({ kernel, qemu: pins.qemu, machine })),
    coversPairs: false,
    instead: { [pins.qemu]: pins["qemu-instead"] },
    scenarios,
    modules,
    accelerator: "auto",
    repeatedOptions: [],
    outDir: await outDir(test),
    limits: LIMITS,
    retries: 0,
  }, { cacheDir: defaultCacheDir(), progress: () => {} });
  if (!plan) throw new Error(`no machine is called ${machineName}`);
  return plan;
}

/** Plays a cell like a run does, and tells what came of it. */
export async function playCell(plan: CellPlan): Promise<{ exitCode: number; events: Event[] }> {
  const events: Event[] = [];
  const exitCode = await runCells({
    cells: rehearse([plan], () => {}),
    jobs: 1,
    commandLine: [],
    version: "",
    signal: new AbortController().signal,
    emit: (event) => events.push(event),
  });
  return { exitCode, events };
}
