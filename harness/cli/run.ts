/** `deno task iovacheck run`: the main job. */
import process from "node:process";
import type { Command } from "commander";
import { listRun } from "../check/listing.ts";
import { planRun } from "../check/plan.ts";
import { rehearse } from "../check/rehearsal.ts";
import { EXIT_OK } from "../check/run.ts";
import type { Context } from "../components/types.ts";
import { narrow } from "../scenario/narrow.ts";
import { selectScenarios } from "../scenario/suite.ts";
import { type CellOptions, collect, matrixOf, requestOf, withCellOptions } from "./cells.ts";
import { componentContext } from "./component_context.ts";
import { loadAllScenarios, loadAllSuites } from "./configs.ts";
import { count } from "./numbers.ts";
import { freshFolder } from "./out_folder.ts";
import { interruptibly, runAndTell } from "./telling.ts";

interface Options extends CellOptions {
  suite: string[];
  filter: string[];
  tag: string[];
  list?: true;
  retries: number;
}

export function register(program: Command): void {
  const command = program.command("run")
    .description("boot guests, play scenarios, compare every answer with the model")
    .argument(
      "[scenario...]",
      "suites, folders of scenarios or scenarios: seed, smoke/attach-map-unmap-detach",
    )
    .option("--suite <name>", "the same as naming it as an argument; may be repeated", collect, [])
    .option(
      "--filter <text>",
      "only scenarios with this in their id, rule or file, * standing for anything; may be repeated",
      collect,
      [],
    )
    .option("--tag <name>", "only scenarios with this tag, or !NAME: without; may be repeated", collect, [])
    .option("--list", "say what would be run or skipped in which cell, and boot nothing")
    .option("--retries <n>", "play what fails again, so many times, each on a fresh guest", count, 0);
  withCellOptions(command).action(run);
}

async function run(named: string[], options: Options): Promise<void> {
  const wish = await wishOf([...named, ...options.suite], options);
  await interruptibly(async (signal) => {
    const context = { ...componentContext(), signal };
    if (options.list) return await list(wish, context);
    const outDir = await freshFolder(options.out);
    const plans = await planRun({ ...wish, outDir, retries: options.retries }, context);
    return await runAndTell(rehearse(plans, context.progress), options.jobs, outDir, signal);
  });
}

/** What is to be played on what. */
async function wishOf(selectors: readonly string[], options: Options) {
  const matrix = await matrixOf(options);
  const selected = selectScenarios(
    await loadAllScenarios(),
    await loadAllSuites(),
    selectors.length > 0 ? selectors : matrix.suites,
  );
  return {
    ...await requestOf(matrix, options),
    scenarios: narrow(selected, { filters: options.filter, tags: options.tag }),
  };
}

/** One line per cell and scenario, with tabs between what it says: `skip`, the cell, the scenario, the reason. */
async function list(wish: Awaited<ReturnType<typeof wishOf>>, context: Context): Promise<number> {
  const all = await listRun(wish, context);
  const lines = all.map(({ cell, scenario, skip }) =>
    (skip === undefined ? ["run", cell, scenario] : ["skip", cell, scenario, skip]).join("\t")
  );
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
  const skipped = all.filter(({ skip }) => skip !== undefined).length;
  process.stderr.write(`${all.length - skipped} to be run, ${skipped} skipped\n`);
  return EXIT_OK;
}
