/** `deno task iovacheck replay`: scenario files that explore or the shell wrote, or anyone else. */
import type { Command } from "commander";
import type { CellPlan } from "../check/cell_plan.ts";
import { planRun } from "../check/plan.ts";
import { rehearse } from "../check/rehearsal.ts";
import { loadScenarios, type Scenario } from "../scenario/scenario.ts";
import { type CellOptions, matrixOf, requestOf, withCellOptions } from "./cells.ts";
import { componentContext } from "./component_context.ts";
import { count } from "./numbers.ts";
import { freshFolder } from "./out_folder.ts";
import { interruptibly, runAndTell } from "./telling.ts";

interface Options extends CellOptions {
  retries: number;
  deviations: boolean;
}

export function register(program: Command): void {
  const command = program.command("replay")
    .description("play a scenario file again, where it was found or elsewhere")
    .argument("<file>", "a file of scenarios, such as explore writes")
    .option("--retries <n>", "play what fails again, so many times, each on a fresh guest", count, 0)
    .option("--no-deviations", "take what the kernel's version is known to do wrong for a mismatch");
  withCellOptions(command).action(replay);
}

async function replay(file: string, options: Options): Promise<void> {
  const scenarios = await loadScenarios(file, file, "replay");
  const request = await requestOf(await matrixOf(options), whereFound(scenarios, options));
  const ignoresDeviations = !options.deviations || scenarios.some(({ found }) => found?.["no-deviations"]);
  await interruptibly(async (signal) => {
    const context = { ...componentContext(), signal };
    const outDir = await freshFolder(options.out);
    const plans = await planRun({ ...request, scenarios, outDir, retries: options.retries }, context);
    const here = plans.map((plan): CellPlan => ({
      ...plan,
      ignoresDeviations,
      again: () => plan.replay(file, "here"),
    }));
    const cells = rehearse(here, context.progress);
    return await runAndTell(cells, options.jobs, outDir, signal);
  });
}

/** The cell of the first scenario that says where it was found, but for what the user wants otherwise. */
function whereFound(scenarios: readonly Scenario[], options: Options): Options {
  const { found } = scenarios.find(({ found }) => found) ?? {};
  if (!found || options.matrix !== undefined) return options;
  const wanted = (asked: string[], there: string) => asked.length > 0 ? asked : [there];
  return {
    ...options,
    kernel: wanted(options.kernel, found.kernel),
    qemu: wanted(options.qemu, found.qemu),
    machine: wanted(options.machine, found.machine),
  };
}
