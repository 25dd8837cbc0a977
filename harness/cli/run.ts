/** `deno task iovacheck run`: the main job. */
import { join } from "node:path";
import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import { listRun } from "../check/listing.ts";
import { planRun } from "../check/plan.ts";
import { rehearse, type RehearsedCell } from "../check/rehearsal.ts";
import { EXIT_INTERRUPTED, runCells } from "../check/run.ts";
import type { Context } from "../components/types.ts";
import type { WantedAccelerator } from "../guest/accelerator.ts";
import { type Event, EventLog } from "../report/events.ts";
import { ProgressLine } from "../report/progress.ts";
import { TapReporter } from "../report/tap.ts";
import { componentContext } from "./component_context.ts";
import { Interruption } from "./interruption.ts";
import { loadAllScenarios, loadAllSuites, loadMachinesNamed, loadMatrixNamed, loadPins } from "./configs.ts";
import { cellsOf, type Matrix, narrowed, replaced, sizeOf } from "../matrix/matrix.ts";
import { count, positive } from "./numbers.ts";
import { freshFolder, makeFolder } from "./out_folder.ts";
import { VERSION } from "./version.ts";
import { narrow } from "../scenario/narrow.ts";
import { selectScenarios } from "../scenario/suite.ts";

const DEFAULT_BOOT_TIMEOUT_S = 60;
const DEFAULT_REPLY_TIMEOUT_S = 20;
const DEFAULT_MATRIX = "default";

interface Options {
  kernel: string[];
  qemu: string[];
  machine: string[];
  matrix?: string;
  module: string[];
  suite: string[];
  filter: string[];
  tag: string[];
  list?: true;
  retries: number;
  accel: WantedAccelerator;
  jobs: number;
  out?: string;
  bootTimeout: number;
  replyTimeout: number;
}

const collect = (value: string, earlier: string[]): string[] => [...earlier, value];

export function register(program: Command): void {
  program.command("run")
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
    .option("--kernel <spec>", "debian:6.12, debian:6.12.117, debian:7.3@cloud; may be repeated", collect, [])
    .option("--qemu <spec>", "debian:10.0.13, debian:7.2, host, path:BIN; may be repeated", collect, [])
    .option("--machine <name>", "see `deno task iovacheck machines`; may be repeated", collect, [])
    .option(
      "--matrix <name>",
      "kernels, QEMUs and machines of configs/matrices: default, full, pairwise; --kernel, --qemu and --machine then choose among them",
    )
    .option(
      "--module <file>",
      "a .ko that replaces the guest's module of that name; may be repeated",
      collect,
      [],
    )
    .option("--accel <name>", "auto, kvm or tcg", accelerator, "auto")
    .option("--retries <n>", "play what fails again, so many times, each on a fresh guest", count, 0)
    .option("--jobs <n>", "guests at a time", positive, navigator.hardwareConcurrency)
    .option("--out <dir>", "folder for logs and events (default: out/ and the time)")
    .option("--boot-timeout <seconds>", "until a guest must have booted", positive, DEFAULT_BOOT_TIMEOUT_S)
    .option("--reply-timeout <seconds>", "until a guest must answer", positive, DEFAULT_REPLY_TIMEOUT_S)
    .action(run);
}

function accelerator(text: string): WantedAccelerator {
  if (text === "auto" || text === "kvm" || text === "tcg") return text;
  throw new InvalidArgumentError("write auto, kvm or tcg");
}

async function run(named: string[], options: Options): Promise<void> {
  const wish = await wishOf([...named, ...options.suite], options);
  using interruption = new Interruption();
  const context = { ...componentContext(), signal: interruption.signal };
  try {
    if (options.list) return await list(wish, context);
    const outDir = await freshFolder(options.out);
    const plans = await planRun({
      ...wish,
      accelerator: options.accel,
      repeatedOptions: repeatedOptions(options),
      outDir,
      limits: { bootTimeoutMs: options.bootTimeout * 1000, replyTimeoutMs: options.replyTimeout * 1000 },
      retries: options.retries,
    }, context);
    const cells = rehearse(plans, context.progress);
    Deno.exitCode = await report(cells, options, outDir, interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted || !isAbort(error)) throw error;
    Deno.exitCode = EXIT_INTERRUPTED;
  }
}

/** What is to be played on what. */
async function wishOf(selectors: readonly string[], options: Options) {
  const pins = await loadPins();
  const matrix = await loadMatrixNamed(options.matrix ?? DEFAULT_MATRIX);
  const selected = selectScenarios(
    await loadAllScenarios(),
    await loadAllSuites(),
    selectors.length > 0 ? selectors : matrix.suites,
  );
  return {
    ...await cellsWanted(matrix, options),
    instead: { [pins.qemu]: pins["qemu-instead"] },
    scenarios: narrow(selected, { filters: options.filter, tags: options.tag }),
    modules: options.module,
  };
}

/**
 * The cells of a matrix. Beside `--matrix` the options for kernels, QEMUs and machines choose among what it has,
 * otherwise they stand in the place of what is there by default.
 */
async function cellsWanted(matrix: Matrix, { matrix: name, kernel, qemu, machine }: Options) {
  const axes = { kernels: kernel, qemus: qemu, machines: machine };
  const chosen = name === undefined ? replaced(matrix, axes) : narrowed(matrix, axes);
  const machines = new Map((await loadMachinesNamed(chosen.machines)).map((one) => [one.name, one]));
  const cells = cellsOf(chosen).map((cell) => {
    const machine = machines.get(cell.machine);
    if (!machine) throw new RangeError("every machine was loaded");
    return { ...cell, machine };
  });
  if (name !== undefined) {
    process.stderr.write(`matrix ${name}: ${cells.length} of ${sizeOf(matrix)} cells\n`);
  }
  return { cells, coversPairs: chosen.coversPairs };
}

/** One line per cell and scenario, with tabs between what it says: `skip`, the cell, the scenario, the reason. */
async function list(wish: Awaited<ReturnType<typeof wishOf>>, context: Context): Promise<void> {
  const all = await listRun(wish, context);
  const lines = all.map(({ cell, scenario, skip }) =>
    (skip === undefined ? ["run", cell, scenario] : ["skip", cell, scenario, skip]).join("\t")
  );
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
  const skipped = all.filter(({ skip }) => skip !== undefined).length;
  process.stderr.write(`${all.length - skipped} to be run, ${skipped} skipped\n`);
}

/** Runs the cells and tells of them on standard output, on standard error and in the folder. */
async function report(
  cells: readonly RehearsedCell[],
  { jobs }: Options,
  outDir: string,
  signal: AbortSignal,
): Promise<number> {
  await makeFolder(outDir);
  using log = new EventLog(join(outDir, "events.jsonl"));
  const tap = new TapReporter((text) => void process.stdout.write(text));
  const line = process.stderr.isTTY ? new ProgressLine((text) => void process.stderr.write(text)) : undefined;
  log.subscribe(() => line?.clear());
  log.subscribe((event) => tap.handle(event));
  log.subscribe((event) => line?.handle(event));
  try {
    const emit = (event: Event) => log.emit(event);
    return await runCells({ cells, jobs, commandLine: Deno.args, version: VERSION, signal, emit });
  } catch (error) {
    tap.close(error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    process.stderr.write(`logs and events: ${outDir}\n`);
  }
}

/** Options that decide how a guest is run, where they aren't the usual ones. */
const repeatedOptions = ({ accel, bootTimeout, replyTimeout }: Options): string[] => [
  ...(accel === "auto" ? [] : ["--accel", accel]),
  ...(bootTimeout === DEFAULT_BOOT_TIMEOUT_S ? [] : ["--boot-timeout", String(bootTimeout)]),
  ...(replyTimeout === DEFAULT_REPLY_TIMEOUT_S ? [] : ["--reply-timeout", String(replyTimeout)]),
];

/** What execa and fetches throw when their signal is aborted. */
const isAbort = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === "AbortError" || ("isCanceled" in error && error.isCanceled === true));
