/** Running cells, and telling of them on standard output, on standard error and in a folder. */
import { join } from "node:path";
import process from "node:process";
import { type CellRun, EXIT_INTERRUPTED, runCells } from "../check/run.ts";
import { type Event, EventLog } from "../report/events.ts";
import { ProgressLine } from "../report/progress.ts";
import { TapReporter } from "../report/tap.ts";
import { Interruption } from "./interruption.ts";
import { makeFolder } from "./out_folder.ts";
import { VERSION } from "./version.ts";

/** Runs the cells and says with which exit code to end. */
export async function runAndTell(
  cells: readonly CellRun[],
  jobs: number,
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

/** Does what can be interrupted, and sets the exit code. */
export async function interruptibly(work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  using interruption = new Interruption();
  const { signal } = interruption;
  try {
    Deno.exitCode = await work(signal);
  } catch (error) {
    if (!signal.aborted || !isAbort(error)) throw error;
    Deno.exitCode = EXIT_INTERRUPTED;
  }
}

/** What execa and fetches throw when their signal is aborted. */
const isAbort = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === "AbortError" || ("isCanceled" in error && error.isCanceled === true));
