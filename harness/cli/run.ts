/** `iovacheck run`: the main job. */
import { join, resolve } from "node:path";
import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import { planRun } from "../check/plan.ts";
import { EXIT_INTERRUPTED, runCells } from "../check/run.ts";
import { UsageError } from "../errors.ts";
import type { WantedAccelerator } from "../guest/accelerator.ts";
import { EventLog } from "../report/events.ts";
import { ProgressLine } from "../report/progress.ts";
import { TapReporter } from "../report/tap.ts";
import { componentContext } from "./component_context.ts";
import { loadAllMachines, loadAllScenarios, loadAllSuites, loadPins } from "./configs.ts";
import { selectScenarios } from "../scenario/suite.ts";

const VERSION = "0.1.0";
const DEFAULT_SUITE = "seed";
const DEFAULT_MACHINES = ["intel-iommu", "intel-iommu-48", "amd-iommu", "virtio-iommu"];

interface Options {
  kernel: string[];
  qemu: string[];
  machine: string[];
  module: string[];
  suite: string[];
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

export function register(program: Command): void {
  program.command("run")
    .description("boot guests, play scenarios, compare every answer with the model")
    .argument(
      "[scenario...]",
      "suites, folders of scenarios or scenarios: seed, smoke/attach-map-unmap-detach",
    )
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
    .option("--jobs <n>", "guests at a time", positive, navigator.hardwareConcurrency)
    .option("--out <dir>", "folder for logs and events (default: out/ and the time)")
    .option("--boot-timeout <seconds>", "until a guest must have booted", positive, 60)
    .option("--reply-timeout <seconds>", "until a guest must have answered", positive, 20)
    .action(run);
}

function accelerator(text: string): WantedAccelerator {
  if (text === "auto" || text === "kvm" || text === "tcg") return text;
  throw new InvalidArgumentError("write auto, kvm or tcg");
}

async function run(selectors: string[], options: Options): Promise<void> {
  const pins = await loadPins();
  const machines = await chosenMachines(options.machine);
  const scenarios = selectScenarios(
    await loadAllScenarios(),
    await loadAllSuites(),
    selectors.length > 0 ? selectors : [DEFAULT_SUITE],
  );
  const outDir = resolve(options.out ?? join("out", timestamp()));
  const context = componentContext();
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, interrupt);
  try {
    const cells = await planRun({
      kernels: options.kernel.length > 0 ? options.kernel : [pins.kernel],
      qemus: options.qemu.length > 0 ? options.qemu : [pins.qemu],
      machines,
      scenarios,
      modules: options.module,
      accelerator: options.accel,
      outDir,
      limits: { bootTimeoutMs: options.bootTimeout * 1000, replyTimeoutMs: options.replyTimeout * 1000 },
    }, { ...context, signal: interruption.signal });
    await Deno.mkdir(outDir, { recursive: true });
    using log = new EventLog(join(outDir, "events.jsonl"));
    const tap = new TapReporter((text) => void process.stdout.write(text));
    const line = process.stderr.isTTY
      ? new ProgressLine((text) => void process.stderr.write(text))
      : undefined;
    log.subscribe(() => line?.clear());
    log.subscribe((event) => tap.handle(event));
    log.subscribe((event) => line?.handle(event));
    Deno.exitCode = await runCells({
      cells,
      jobs: options.jobs,
      commandLine: Deno.args,
      version: VERSION,
      signal: interruption.signal,
      emit: (event) => log.emit(event),
    });
    process.stderr.write(`logs and events: ${outDir}\n`);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    Deno.exitCode = EXIT_INTERRUPTED;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      Deno.removeSignalListener(signal, interrupt);
    }
  }
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
