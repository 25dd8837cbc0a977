/** The command table. */
import process from "node:process";
import { Command, CommanderError } from "commander";
import { register as registerBench } from "./cli/bench.ts";
import { register as registerCache } from "./cli/cache.ts";
import { register as registerDoctor } from "./cli/doctor.ts";
import { register as registerExplore } from "./cli/explore.ts";
import { register as registerKernels } from "./cli/kernels.ts";
import { register as registerMachines } from "./cli/machines.ts";
import { register as registerReplay } from "./cli/replay.ts";
import { register as registerRun } from "./cli/run.ts";
import { register as registerScenarios } from "./cli/scenarios.ts";
import { register as registerShell } from "./cli/shell.ts";
import { VERSION } from "./cli/version.ts";
import { CannotTestError, refusalText, UsageError } from "./errors.ts";

const EXIT_USAGE = 2;
const EXIT_CANNOT_TEST = 3;

/** Where the user is, when a task has changed the folder on the way. */
const startedIn = Deno.env.get("INIT_CWD");
if (startedIn !== undefined) Deno.chdir(startedIn);

const program = new Command("iovacheck")
  .description("integration tests for the IOVA list of Linux VFIO, on emulated IOMMUs")
  .version(VERSION)
  .exitOverride();
for (
  const register of [
    registerRun,
    registerExplore,
    registerReplay,
    registerScenarios,
    registerShell,
    registerBench,
    registerMachines,
    registerKernels,
    registerDoctor,
    registerCache,
  ]
) {
  register(program);
}
for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync(Deno.args, { from: "user" });
} catch (error) {
  Deno.exitCode = report(error);
}

/** Tells the user what went wrong, and the exit code that says so. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof UsageError || error instanceof CannotTestError) {
    process.stderr.write(`iovacheck: ${error.message}\n`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_CANNOT_TEST;
  }
  const refusal = refusalText(error);
  if (refusal !== undefined) {
    process.stderr.write(`iovacheck: ${refusal}\n`);
    return EXIT_CANNOT_TEST;
  }
  // A fault of this program tells nothing about the kernel: it must not look like a mismatch.
  const details = error instanceof Error ? error.stack ?? error.message : String(error);
  process.stderr.write(`iovacheck: a fault of iovacheck itself: ${details}\n`);
  return EXIT_CANNOT_TEST;
}
