/** A run: all cells of a plan, as many at a time as allowed, told as events. */
import { type Counts, type Event, type Verdict, zeroCounts } from "../report/events.ts";
/** Exit codes of the command line. */
export const EXIT_OK = 0;
export const EXIT_DIFFERENT = 1;
export const EXIT_CANNOT_TEST = 3;
export const EXIT_INTERRUPTED = 130;

/** A cell whose turn will come. */
export interface CellRun {
  readonly id: string;
  /** Does all that is to be done in the cell, and tells of it in events. */
  run(emit: (event: Event) => void, signal: AbortSignal): Promise<void>;
}

export interface RunOptions {
  readonly cells: readonly CellRun[];
  /** How many guests at a time. */
  readonly jobs: number;
  readonly commandLine: readonly string[];
  readonly version: string;
  readonly signal: AbortSignal;
  emit(event: Event): void;
}

/** Runs every cell and says with which exit code to end. */
export async function runCells(options: RunOptions): Promise<number> {
  const begin = performance.now();
  const tally = new Tally();
  const emit = (event: Event) => {
    tally.count(event);
    options.emit(event);
  };
  emit({
    type: "run-start",
    commandLine: [...options.commandLine],
    version: options.version,
    date: new Date().toISOString(),
    cells: options.cells.map(({ id }) => id),
  });
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const waiting = [...options.cells];
  const worker = async () => {
    try {
      for (let cell = waiting.shift(); cell && !signal.aborted; cell = waiting.shift()) {
        await cell.run(emit, signal);
      }
    } catch (error) {
      // The others end, too, and only then does anyone close what they report to.
      failed.abort();
      throw error;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: options.jobs }, worker));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
  const exitCode = options.signal.aborted ? EXIT_INTERRUPTED : tally.exitCode();
  emit({
    type: "run-end",
    counts: tally.counts,
    exitCode,
    durationMs: Math.round(performance.now() - begin),
    ...(options.signal.aborted ? { stopped: "interrupted" } : {}),
  });
  return exitCode;
}

/** Counts verdicts, and says what they add up to. */
export class Tally {
  readonly counts: Counts = zeroCounts();
  /** Verdicts on whole cells and on attempts, which are no scenarios. */
  readonly #others = new Set<Verdict>();

  count(event: Event): void {
    if (event.type === "scenario-end") {
      this.counts[event.verdict]++;
      for (const verdict of event.attempts ?? []) this.#others.add(verdict);
    }
    if (event.type === "explored") {
      this.counts.match += event.sequences - event.known - event.diverged;
      this.counts.known += event.known;
    }
    if (event.type === "raced") this.counts.match += event.races;
    if (event.type === "world-checked" && event.verdict === "mismatch") this.#others.add(event.verdict);
    if (event.type === "guest-booted" && event.complaint !== undefined) this.#others.add("crash");
    if (event.type === "cell-end" && event.fault) this.#others.add(event.fault.verdict);
  }

  /**
   * A difference outweighs a fault of the harness, and what went wrong once isn't undone by a later attempt. A
   * run that tried nothing has told nothing.
   */
  exitCode(): number {
    const has = (verdict: Verdict) => this.counts[verdict] > 0 || this.#others.has(verdict);
    if (has("mismatch") || has("crash") || has("hang")) return EXIT_DIFFERENT;
    if (has("harness-fault") || this.counts.match + this.counts.known === 0) return EXIT_CANNOT_TEST;
    return EXIT_OK;
  }
}
