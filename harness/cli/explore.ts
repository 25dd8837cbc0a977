/** `deno task iovacheck explore`: random sequences against the model. */
import process from "node:process";
import type { Command } from "commander";
import type { CellPlan } from "../check/cell_plan.ts";
import { planRun } from "../check/plan.ts";
import type { CellRun } from "../check/run.ts";
import { exploreCell } from "../explore/exploration.ts";
import { raceInCell } from "../explore/race/race_cell.ts";
import type { Event } from "../report/events.ts";
import { type CellOptions, matrixOf, requestOf, withCellOptions } from "./cells.ts";
import { componentContext } from "./component_context.ts";
import { count, positive, seconds, seed as seedOf } from "./numbers.ts";
import { freshFolder } from "./out_folder.ts";
import { interruptibly, runAndTell } from "./telling.ts";

const DEFAULT_TIME_LIMIT_S = 60;
const DEFAULT_STEPS = 100;

interface Options extends CellOptions {
  seed?: number;
  runs?: number;
  timeLimit: number;
  shrinkLimit: number;
  steps: number;
  races?: true;
  repetitions: number;
  mayEmpty?: true;
  first: number;
  keepGoing?: true;
  deviations: boolean;
}

export function register(program: Command): void {
  const command = program.command("explore")
    .description("play random sequences of steps; shrink what diverges from the model to a scenario")
    .option("--seed <n>", "the same seed makes the same sequences (default: by chance)", seedOf)
    .option("--runs <n>", "sequences to play in each cell at most", positive)
    .option("--time-limit <time>", "for each cell: 90s, 10min, 2h", seconds, DEFAULT_TIME_LIMIT_S)
    .option("--shrink-limit <time>", "for each divergence", seconds, DEFAULT_TIME_LIMIT_S)
    .option("--steps <n>", "of a sequence at most", positive, DEFAULT_STEPS)
    .option(
      "--races",
      "instead of sequences, let two threads loose on one container: some order must explain them",
    )
    .option("--repetitions <n>", "how often each race is played", positive, 1)
    .option("--may-empty", "let races take a container's last group away, which kernels don't survive")
    .option("--first <n>", "number of the first sequence or race", count, 0)
    .option("--keep-going", "don't end with the first divergence; tell of each kind once")
    .option("--no-deviations", "take what the kernel's version is known to do wrong for a divergence, too");
  withCellOptions(command).action(explore);
}

async function explore(options: Options): Promise<void> {
  const request = await requestOf(await matrixOf(options), options);
  const explore = explorer(options);
  await interruptibly(async (signal) => {
    const outDir = await freshFolder(options.out);
    const plans = await planRun({ ...request, scenarios: [], outDir, retries: 0 }, {
      ...componentContext(),
      signal,
    });
    const cells = plans.map((plan): CellRun => ({
      id: plan.id,
      run: (emit, signal) => explore({ ...plan, ignoresDeviations: !options.deviations }, emit, signal),
    }));
    return await runAndTell(cells, options.jobs, outDir, signal);
  });
}

/** What is done in each cell. */
function explorer(options: Options) {
  const { runs = Infinity, steps, races, first } = options;
  const seed = options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  // At once, since whatever comes may keep it from being told later.
  process.stderr.write(`seed ${seed}\n`);
  const limits = { timeLimitMs: options.timeLimit * 1000, shrinkLimitMs: options.shrinkLimit * 1000 };
  const { repetitions, mayEmpty = false } = options;
  const raceWish = { seed, first, repetitions, mayEmpty, racesMost: runs, ...limits };
  const wish = { seed, first, runs, stepsMost: steps, keepsGoing: options.keepGoing ?? false, ...limits };
  return (plan: CellPlan, emit: Emit, signal: AbortSignal) =>
    races ? raceInCell(plan, raceWish, emit, signal) : exploreCell(plan, wish, emit, signal);
}

type Emit = (event: Event) => void;
