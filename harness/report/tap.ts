/**
 * TAP version 14: one subtest per cell, one point per scenario.
 *
 * A known issue is `not ok … # TODO known deviation NAME`, which TAP's readers show and
 * don't count as a failure. Cells may run at the same time; they are printed in
 * the order of the plan, the first unfinished one as it goes, later ones when
 * their turn comes.
 *
 * @module
 */
import type {
  AttemptEnd,
  CellEnd,
  CellSkip,
  CellStart,
  Event,
  Explored,
  Failure,
  GuestBooted,
  Raced,
  ScenarioEnd,
  Verdict,
  WorldChecked,
} from "./events.ts";
import { addToSummary, emptySummary, summaryText } from "./summary.ts";
import { bailOutLine, commentLine, nameText, type Point, pointLines, subtestLine } from "./tap_line.ts";

/** Prints a run as TAP 14: give it every event, in order. */
export class TapReporter {
  readonly #print: (text: string) => void;
  readonly #summary = emptySummary();
  #cells: Cell[] = [];
  /** How many cells are fully printed. */
  #printed = 0;
  #open = false;

  /** @param print takes whole lines, each with its newline */
  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  /** @throws Error when an event names a cell that isn't in the plan, or that is over */
  handle(event: Event): void {
    addToSummary(this.#summary, event);
    switch (event.type) {
      case "run-start":
        return this.#start(event.cells);
      case "run-end":
        return event.stopped === undefined ? this.close() : this.close(event.stopped);
      default:
        this.#cell(event.cell).handle(event);
        return this.#printReady();
    }
  }

  /**
   * Ends the output. Done by itself at the end of a run; needed only when the
   * events break off before that.
   *
   * @param stopped why the run ended early; without it, a cell that didn't end counts as failed
   */
  close(stopped?: string): void {
    if (!this.#open) return;
    this.#open = false;
    const pending = this.#cells.slice(this.#printed);
    if (stopped !== undefined) {
      for (const cell of pending) this.#write(cell.stopped());
      return this.#write([bailOutLine(stopped)]);
    }
    for (const cell of pending.filter((cell) => !cell.over)) cell.handle(neverEnded(cell.name));
    this.#printReady();
    this.#write([commentLine(summaryText(this.#summary))]);
  }

  #start(names: readonly string[]): void {
    this.#open = true;
    this.#printed = 0;
    this.#cells = names.map((name, index) => new Cell(name, index + 1));
    this.#write([
      "TAP version 14",
      names.length === 0 ? "1..0 # SKIP the plan has no cell" : `1..${names.length}`,
    ]);
  }

  #cell(name: string): Cell {
    const cell = this.#cells.find((cell) => cell.name === name);
    if (cell === undefined) throw new Error(`an event names cell ${name}, which isn't in the plan`);
    return cell;
  }

  #printReady(): void {
    for (const cell of this.#cells.slice(this.#printed)) {
      this.#write(cell.take());
      if (!cell.over) return;
      this.#printed++;
    }
  }

  #write(lines: string[]): void {
    if (lines.length > 0) this.#print(lines.join("\n") + "\n");
  }
}

type CellEvent = Exclude<Event, { type: "run-start" | "run-end" }>;

type UnnumberedPoint = Omit<Point, "number">;

/** The lines of one cell, kept until they may be printed. */
class Cell {
  readonly name: string;
  readonly #number: number;
  over = false;
  #lines: string[] = [];
  #begun = false;
  #points = 0;
  readonly #failed: string[] = [];

  constructor(name: string, number: number) {
    this.name = name;
    this.#number = number;
  }

  /** @returns the lines that came since the last call */
  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  handle(event: CellEvent): void {
    if (this.over) throw new Error(`event ${event.type} of cell ${this.name} comes after the cell's end`);
    switch (event.type) {
      case "cell-start":
        return this.#body([commentLine(guestText(event))]);
      case "guest-booted":
        return this.#booted(event);
      case "cell-skip":
        return this.#skip(event);
      case "world-checked":
        return this.#point(event.verdict, worldPoint(event));
      case "attempt-end":
        return this.#body([commentLine(attemptText(event))]);
      case "scenario-end":
        return this.#point(event.verdict, scenarioPoint(event));
      case "exploring":
        return;
      case "explored":
        return this.#point("match", exploredPoint(event));
      case "raced":
        return this.#point("match", racedPoint(event));
      case "cell-end":
        return this.#end(event);
    }
  }

  /** @returns what is left of a cell that was stopped; nothing for one that hadn't begun */
  stopped(): string[] {
    if (this.#begun && !this.over) {
      this.#close({ ok: false, diagnostics: { reason: "stopped before its end" } });
    }
    return this.take();
  }

  #point(verdict: Verdict, point: UnnumberedPoint): void {
    this.#points++;
    if (isFailure(verdict)) this.#failed.push(nameText(point.name));
    this.#body(pointLines({ ...point, number: this.#points }));
  }

  #booted({ bootMs, complaint }: GuestBooted): void {
    this.#body([commentLine(`guest booted in ${bootMs} ms`)]);
    if (complaint === undefined) return;
    const diagnostics = { verdict: "crash", reason: `the kernel complained while booting\n${complaint}` };
    this.#point("crash", { name: "boot", ok: false, diagnostics });
  }

  #skip({ reason }: CellSkip): void {
    if (this.#points > 0) throw new Error(`cell ${this.name} is skipped after ${this.#points} points`);
    this.over = true;
    const directive = { kind: "SKIP", reason } as const;
    this.#lines.push(...pointLines({ ok: true, number: this.#number, name: this.name, directive }));
  }

  #end({ fault, durationMs }: CellEnd): void {
    const ok = fault === undefined && this.#failed.length === 0 && this.#points > 0;
    const why = this.#points === 0
      ? "no scenario was run"
      : `${this.#failed.length} of ${this.#points} failed`;
    // Hundreds of points further up they are hard to find among those with a directive.
    const failed = this.#failed.length === 0 ? undefined : this.#failed.join("\n");
    const diagnostics = { verdict: fault?.verdict, reason: fault?.text ?? why, failed, again: fault?.again };
    this.#close({ ok, durationMs, ...(ok ? {} : { diagnostics }) });
  }

  #close(point: Omit<Point, "number" | "name">): void {
    this.over = true;
    this.#body([`1..${this.#points}`]);
    this.#lines.push(...pointLines({ ...point, number: this.#number, name: this.name }));
  }

  #body(lines: string[]): void {
    if (!this.#begun) this.#lines.push(subtestLine(this.name));
    this.#begun = true;
    this.#lines.push(...lines.map((line) => `    ${line}`));
  }
}

function neverEnded(cell: string): CellEnd {
  const text = "the run ended, but this cell didn't";
  return { type: "cell-end", cell, durationMs: 0, fault: { verdict: "harness-fault", text } };
}

function isFailure(verdict: Verdict): boolean {
  return !["match", "known", "skip"].includes(verdict);
}

function guestText({ kernel, qemu, machine, accelerator }: CellStart): string {
  return `kernel ${kernel}, QEMU ${qemu}, machine ${machine}, accelerator ${accelerator}`;
}

function attemptText({ scenario, attempt, verdict }: AttemptEnd): string {
  return `${scenario}, attempt ${attempt}: ${verdict}`;
}

function worldPoint(event: WorldChecked): UnnumberedPoint {
  const { verdict, durationMs } = event;
  const point = { name: "world", ...outcome(verdict, []), durationMs };
  return verdict === "match" ? point : { ...point, diagnostics: { verdict, ...failureKeys(event.failure) } };
}

function scenarioPoint(event: ScenarioEnd): UnnumberedPoint {
  const { scenario, verdict, deviations, attempts, reason, durationMs, again } = event;
  const point = { name: scenario, ...outcome(verdict, deviations, reason), durationMs };
  if (verdict === "match" || verdict === "skip") return point;
  const at = `${event.file}:${event.line}`;
  const played = attempts && `${attempts.length}: ${attempts.join(", ")}`;
  const diagnostics = { verdict, attempts: played, reason, at, ...failureKeys(event.failure), again };
  return { ...point, diagnostics };
}

function exploredPoint(event: Explored): UnnumberedPoint {
  const { seed, sequences, steps, answers, known, deviations, guests, durationMs } = event;
  const perSecond = Math.round(1000 * steps / Math.max(durationMs, 1));
  const name = [
    `seed ${seed}: ${sequences} sequences, ${steps} steps, ${answers} answers compared`,
    `${perSecond} steps per second on ${guests} ${guests === 1 ? "guest" : "guests"}`,
    ...(known > 0 ? [`${known} sequences with known ${deviations.join(", ")}`] : []),
  ].join("; ");
  return { name, ok: true, durationMs };
}

function racedPoint({ seed, races, calls, turnTaking, orders, guests, durationMs }: Raced): UnnumberedPoint {
  const name = [
    `seed ${seed}: ${races} races, ${calls} calls explained`,
    `in ${turnTaking} the threads took turns, in ${orders} different orders`,
    `${guests} ${guests === 1 ? "guest" : "guests"}`,
  ].join("; ");
  return { name, ok: true, durationMs };
}

function outcome(
  verdict: Verdict,
  deviations: readonly string[],
  reason = "",
): Pick<Point, "ok" | "directive"> {
  switch (verdict) {
    case "match":
      return { ok: true };
    case "skip":
      return { ok: true, directive: { kind: "SKIP", reason } };
    case "known":
      return { ok: false, directive: { kind: "TODO", reason: `known deviation ${deviations.join(", ")}` } };
    default:
      return { ok: false };
  }
}

function failureKeys(failure: Failure | undefined): Record<string, string | undefined> {
  if (failure === undefined) return {};
  const { step, text, position, predicted, because, observed, rule } = failure;
  return { at: position, step: `${step} ${text}`, rule, predicted, because, observed };
}
