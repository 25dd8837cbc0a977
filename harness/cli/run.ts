/** `iovacheck run`: the main job. */
import { join, resolve } from "node:path";
import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import type { CellPlan } from "../check/cell.ts";
import { listRun } from "../check/listing.ts";
import { planRun } from "../check/plan.ts";
import { EXIT_INTERRUPTED, runCells } from "../check/run.ts";
import type { Context } from "../components/types.ts";
import { UsageError } from "../errors.ts";
import type { WantedAccelerator } from "../guest/accelerator.ts";
import { type Event, EventLog } from "../report/events.ts";
import { ProgressLine } from "../report/progress.ts";
import { TapReporter } from "../report/tap.ts";
import { componentContext } from "./component_context.ts";
import { Interruption } from "./interruption.ts";
import { loadAllMachines, loadAllScenarios, loadAllSuites, loadPins } from "./configs.ts";
import { narrow } from "../scenario/narrow.ts";
import { selectScenarios } from "../scenario/suite.ts";

const VERSION = "0.1.0";
const DEFAULT_SUITES = ["seed", "type1"];
const DEFAULT_BOOT_TIMEOUT_S = 60;
const DEFAULT_REPLY_TIMEOUT_S = 20;
const DEFAULT_MACHINES = ["intel-iommu", "intel-iommu-48", "amd-iommu", "virtio-iommu"];

interface Options {
  kernel: string[];
  qemu: string[];
  machine: string[];
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

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("write a whole number from 1 up");
  return value;
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("write a whole number from 0 up");
  }
  return value;
}

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
    .option("--machine <name>", "see `iovacheck machines`; may be repeated", collect, [])
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
    const cells = await planRun({
      ...wish,
      accelerator: options.accel,
      repeatedOptions: repeatedOptions(options),
      outDir,
      limits: { bootTimeoutMs: options.bootTimeout * 1000, replyTimeoutMs: options.replyTimeout * 1000 },
      retries: options.retries,
    }, context);
    Deno.exitCode = await report(cells, options, outDir, interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted || !isAbort(error)) throw error;
    Deno.exitCode = EXIT_INTERRUPTED;
  }
}

/** What is to be played on what. */
async function wishOf(selectors: readonly string[], options: Options) {
  const pins = await loadPins();
  const machines = await chosenMachines(options.machine);
  const selected = selectScenarios(
    await loadAllScenarios(),
    await loadAllSuites(),
    selectors.length > 0 ? selectors : DEFAULT_SUITES,
  );
  return {
    kernels: options.kernel.length > 0 ? options.kernel : [pins.kernel],
    qemus: options.qemu.length > 0 ? options.qemu : [pins.qemu],
    instead: { [pins.qemu]: pins["qemu-instead"] },
    machines,
    scenarios: narrow(selected, { filters: options.filter, tags: options.tag }),
    modules: options.module,
  };
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
  cells: readonly CellPlan[],
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

/** @throws UsageError for a folder that can't be made */
async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(`--out ${folder}: can't be made (${(error as Error).message})`, { cause: error });
  }
}

/** @throws UsageError for a folder that holds a run already: two in one couldn't be told apart */
async function freshFolder(asked: string | undefined): Promise<string> {
  const folder = resolve(asked ?? join("out", timestamp()));
  try {
    await Deno.stat(join(folder, "events.jsonl"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return folder;
    throw new UsageError(`--out ${folder}: can't be looked into (${(error as Error).message})`, {
      cause: error,
    });
  }
  throw new UsageError(`--out ${asked}: holds an earlier run; name another folder or remove this one`);
}

async function chosenMachines(names: readonly string[]) {
  const all = await loadAllMachines();
  return (names.length > 0 ? names : DEFAULT_MACHINES).map((name) => {
    const machine = all.find((machine) => machine.name === name);
    if (machine) return machine;
    throw new UsageError(`no machine is called ${name}; there are ${all.map(({ name }) => name).join(", ")}`);
  });
}

/** `20261122-201530-4711`, unique among the runs of this machine. */
function timestamp(): string {
  const digits = new Date().toISOString().replace(/\D/g, "");
  return `${digits.slice(0, 8)}-${digits.slice(8, 14)}-${Deno.pid}`;
}
