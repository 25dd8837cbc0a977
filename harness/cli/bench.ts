/** `iovacheck bench`: how fast it all is. */
import process from "node:process";
import type { Command } from "commander";
import { bench, type BenchResult } from "../bench/bench.ts";
import { MismatchError } from "../bench/mismatch.ts";
import type { Exploring } from "../bench/exploring.ts";
import { EXIT_DIFFERENT, EXIT_INTERRUPTED } from "../check/run.ts";
import { CannotTestError, UsageError } from "../errors.ts";
import { GuestLost } from "../guest/guest_lost.ts";
import { table } from "./component_context.ts";
import { Interruption } from "./interruption.ts";
import { count, positive } from "./numbers.ts";
import { planOneCell } from "./one_cell.ts";

const LIMITS = { bootTimeoutMs: 60_000, replyTimeoutMs: 20_000 };

interface Options {
  kernel?: string;
  qemu?: string;
  machine: string;
  repeat: number;
  seed: number;
  steps: number;
  roundTrips: number;
  sequences: number;
  json?: string;
  out?: string;
}

export function register(program: Command): void {
  program.command("bench")
    .description("measure boot, round trip, compared steps and random sequences per second")
    .option("--kernel <spec>", "as for `deno task run`")
    .option("--qemu <spec>", "as for `deno task run`")
    .option("--machine <name>", "see `deno task iovacheck machines`", "intel-iommu")
    .option("--repeat <n>", "measure everything so many times", positive, 5)
    .option("--seed <n>", "of steps and sequences; each repetition has the next", count, 1)
    .option("--steps <n>", "MAPs and UNMAPs per repetition", positive, 2000)
    .option("--round-trips <n>", "requests one at a time per repetition", positive, 500)
    .option("--sequences <n>", "random sequences of up to 100 steps per repetition", positive, 100)
    .option("--json <file>", "write every single measurement as JSON")
    .option("--out <dir>", "folder for logs (default: out/ and the time)")
    .action(run);
}

async function run(options: Options): Promise<void> {
  using interruption = new Interruption();
  const { signal } = interruption;
  try {
    const plan = await planOneCell({ ...options, limits: LIMITS }, signal);
    const result = await bench(plan, { ...options, signal });
    const { seed } = options;
    const title = `${plan.id}, accelerator ${result.accelerator}, seed ${seed}\n`;
    process.stdout.write(title + table([HEAD, ...rows(result)], [1, 2, 3]));
    if (options.json !== undefined) await writeJson(options.json, { cell: plan.id, seed, ...result });
  } catch (error) {
    Deno.exitCode = signal.aborted ? EXIT_INTERRUPTED : exitCodeOf(error);
  }
}

/** What a kernel did wrong is told as `run` would; the rest is not the kernel's fault. */
function exitCodeOf(error: unknown): number {
  if (error instanceof GuestLost && error.loss === "harness-fault") {
    throw new CannotTestError(error.message, { cause: error });
  }
  if (!(error instanceof GuestLost || error instanceof MismatchError)) throw error;
  const console = error instanceof GuestLost ? error.console : [];
  process.stderr.write([`iovacheck: ${error.message}`, ...console, ""].join("\n"));
  return EXIT_DIFFERENT;
}

async function writeJson(file: string, result: object): Promise<void> {
  try {
    await Deno.writeTextFile(file, `${JSON.stringify(result, null, 2)}\n`);
  } catch (error) {
    throw new UsageError(`--json ${file}: can't be written (${(error as Error).message})`, { cause: error });
  }
}

const HEAD = ["", "MEDIAN", "FROM", "TO", ""];

function rows({ bootMs, roundTripMs, throughput, exploring }: BenchResult): string[][] {
  const perStep = (part: "predictMs" | "compareMs" | "waitMs") =>
    throughput.map(({ steps, [part]: spentMs }) => 1000 * spentMs / steps);
  const perSecond = (part: "steps" | "actions") =>
    throughput.map(({ durationMs, [part]: number }) => 1000 * number / durationMs);
  return [
    row("boot", bootMs, "ms"),
    row("round trip", roundTripMs.map((ms) => 1000 * ms), "µs"),
    row("compared steps", perSecond("steps"), "per second"),
    row("compared answers", perSecond("actions"), "per second"),
    row("predicting a step", perStep("predictMs"), "µs"),
    row("comparing a step", perStep("compareMs"), "µs"),
    row("waiting for a step", perStep("waitMs"), "µs"),
    ...exploringRows(exploring),
  ];
}

function exploringRows(exploring: BenchResult["exploring"]): string[][] {
  const perSecond = (part: "steps" | "sequences") =>
    exploring.map(({ durationMs, [part]: number }) => 1000 * number / durationMs);
  const perStep = (spentMs: (measured: Exploring) => number) =>
    exploring.map((measured) => 1000 * spentMs(measured) / measured.steps);
  return [
    row("random steps", perSecond("steps"), "per second"),
    row("random sequences", perSecond("sequences"), "per second"),
    row("making a random step", perStep(({ generateMs }) => generateMs), "µs"),
    row(
      "judging one",
      perStep(({ durationMs, generateMs, waitMs }) => durationMs - generateMs - waitMs),
      "µs",
    ),
    row("waiting for one", perStep(({ waitMs }) => waitMs), "µs"),
  ];
}

function row(name: string, values: readonly number[], unit: string): string[] {
  const shown = [median(values), Math.min(...values), Math.max(...values)];
  return [name, ...shown.map((value) => value.toFixed(0)), unit];
}

/** The middle one, or the mean of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  return (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2;
}
