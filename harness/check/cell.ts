/** Running a cell: one guest that serves many scenarios, and another where that one is of no further use. */
import { CannotTestError } from "../errors.ts";
import { GuestLost } from "../guest/guest_lost.ts";
import { membershipsOf } from "../machine/predicted.ts";
import type { Event, ScenarioEnd } from "../report/events.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Target } from "./assignment.ts";
import { type Attempt, causeOf, faultOf, passed, toldOf, verdictOf } from "./attempt.ts";
import { execute, type Execution } from "./execution.ts";
import type { CellPlan, GuestPlan } from "./cell_plan.ts";
import { hotplug } from "./hotplug.ts";
import { exercisedDeviations } from "./model_play.ts";
import type { Prepared, PreparedCell } from "./preparation.ts";
import { bootReady, type ReadyGuest } from "./ready_guest.ts";
import { checkWorld, namesOf, worldChecked } from "./world_check.ts";

type Emit = (event: Event) => void;

/** A scenario on its way to a verdict. */
interface Trial {
  readonly prepared: Prepared;
  readonly attempts: Attempt[];
}

/**
 * Locked memory is counted from where each scenario begins, so a leak that was foretold spoils nothing by itself;
 * only a guest that has lost this much is given up, lest it runs out of memory.
 */
const LEAK_TOLERATED_PAGES = 4096n;

/**
 * Runs a cell from the first boot to the last scenario, and tells of everything in events.
 * @param signal aborted, guests end at once and no further scenario begins
 */
export async function runCell(cell: PreparedCell, emit: Emit, signal: AbortSignal): Promise<void> {
  const { id, skip } = cell.plan;
  if (skip !== undefined) return emit({ type: "cell-skip", cell: id, reason: skip });
  await new CellRun(cell, emit, signal).run();
}

class CellRun {
  readonly #plan: CellPlan;
  readonly #emit: Emit;
  readonly #signal: AbortSignal;
  readonly #target: Target;
  readonly #scenarios: readonly Prepared[];
  readonly #begin = performance.now();
  /** What has failed so far and is to be played again. */
  readonly #again = new Set<Trial>();
  #boots = 0;

  constructor({ plan, target, scenarios }: PreparedCell, emit: Emit, signal: AbortSignal) {
    this.#plan = plan;
    this.#target = target;
    this.#scenarios = scenarios;
    this.#emit = emit;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const waiting = this.#scenarios.map((prepared): Trial => ({ prepared, attempts: [] }));
    try {
      while (waiting.length > 0 && !this.#signal.aborted) await this.#useOneGuest(waiting);
      for (const trial of this.#again) await this.#playAgain(trial);
      if (waiting.length > 0 || this.#again.size > 0) return this.#tellOfFailed();
      this.#end();
    } catch (error) {
      if (this.#signal.aborted) return this.#tellOfFailed();
      if (!(error instanceof GuestLost || error instanceof CannotTestError)) throw error;
      this.#tellOfFailed();
      this.#end({ ...faultOf(error), again: this.#plan.again("") });
    }
  }

  /** Each time on a guest that nothing else has been played on: what another one left behind is no excuse. */
  async #playAgain(trial: Trial): Promise<void> {
    while (this.#again.has(trial) && !this.#signal.aborted) await this.#useOneGuest([trial]);
  }

  /** What has failed isn't forgotten because it can't be played again. */
  #tellOfFailed(): void {
    for (const trial of this.#again) this.#tell(trial);
    this.#again.clear();
  }

  #end(fault?: Extract<Event, { type: "cell-end" }>["fault"]): void {
    this.#emit({
      type: "cell-end",
      cell: this.#plan.id,
      durationMs: this.#elapsedMs(),
      ...(fault ? { fault } : {}),
    });
  }

  #elapsedMs(since = this.#begin): number {
    return Math.round(performance.now() - since);
  }

  /** Boots a guest and takes scenarios off the list as long as it is fit for more. */
  async #useOneGuest(waiting: Trial[]): Promise<void> {
    const ready = await this.#boot();
    await using _ = ready.guest;
    if (this.#boots === 1 && !await this.#checkWorld(ready)) return this.#giveUp(waiting);
    for (let trial = waiting[0]; trial && !this.#signal.aborted; trial = waiting[0]) {
      const isFit = await this.#play(ready, trial);
      if (!this.#signal.aborted) waiting.shift();
      if (!isFit) return;
    }
  }

  async #boot(): Promise<ReadyGuest> {
    const booted = await bootReady(this.#plan, {
      groups: this.#target.groups,
      number: ++this.#boots,
      signal: this.#signal,
      onStart: (plan) => this.#boots === 1 && this.#announce(plan),
    });
    const { guest, complaint } = booted;
    this.#emit({
      type: "guest-booted",
      cell: this.#plan.id,
      bootMs: Math.round(guest.bootMs),
      ...(complaint === undefined ? {} : { complaint }),
    });
    return booted;
  }

  #announce({ accelerator }: GuestPlan): void {
    const { id, kernelSpec, qemuSpec, machine } = this.#plan;
    this.#emit({
      type: "cell-start",
      cell: id,
      kernel: kernelSpec,
      qemu: qemuSpec,
      machine: machine.name,
      accelerator,
    });
  }

  async #checkWorld(ready: ReadyGuest): Promise<boolean> {
    const begin = performance.now();
    const played = await this.#compareWorld(ready);
    const told = worldChecked(this.#plan, played, this.#elapsedMs(begin));
    this.#emit(told);
    return told.verdict === "match";
  }

  /** Nothing that a scenario says holds on a machine that isn't what it was taken for. */
  #giveUp(waiting: Trial[]): void {
    for (const { prepared } of waiting.splice(0)) {
      this.#skip(prepared.scenario, "the world is not as predicted");
    }
  }

  /** Plays a scenario once; false when the guest is of no further use. */
  async #play(ready: ReadyGuest, trial: Trial): Promise<boolean> {
    const begin = performance.now();
    const { prepared } = trial;
    if ("whyNot" in prepared) {
      this.#skip(prepared.scenario, prepared.whyNot);
      return true;
    }
    const { scenario, assignment, prediction } = prepared;
    const names = namesOf(ready.numbers, assignment.world);
    const host = hotplug(ready.guest, this.#plan.machine, ready.numbers, assignment.world);
    const execution = await execute(ready.guest, scenario, prediction, names, ready.condition, host);
    if (this.#signal.aborted) return false;
    this.#judge(trial, { execution, guest: this.#boots, durationMs: this.#elapsedMs(begin) });
    const { verdict, condition } = execution;
    if (!condition || verdict === "crash") return false;
    // What stays locked by mistake would count against the limits that other scenarios set.
    const hasLeaked = condition.lockedPages > ready.condition.lockedPages && !scenario.leaks;
    if (hasLeaked || condition.lockedPages > LEAK_TOLERATED_PAGES) return false;
    ready.condition = condition;
    return verdict !== "mismatch" || await this.#isAsBefore(ready);
  }

  /** Tells the verdict, or keeps the scenario for another attempt. */
  #judge(trial: Trial, attempt: Attempt): void {
    const { attempts } = trial;
    attempts.push(attempt);
    const isOver = passed(attempt) || attempts.length > this.#plan.retries;
    if (!isOver || attempts.length > 1) this.#tellOfAttempt(trial, attempt);
    if (!isOver) return void this.#again.add(trial);
    this.#again.delete(trial);
    this.#tell(trial);
  }

  #compareWorld({ guest, numbers, condition }: ReadyGuest): Promise<Execution> {
    return checkWorld(
      guest,
      this.#target,
      membershipsOf(this.#plan.machine, this.#plan.kernelVersion),
      numbers,
      condition,
    );
  }

  /** Whether a guest that did something wrong still has the world that it began with. */
  async #isAsBefore(ready: ReadyGuest): Promise<boolean> {
    try {
      return (await this.#compareWorld(ready)).verdict === "match";
    } catch (error) {
      // Lost after its verdict, and on the way out in any case: the next guest goes on.
      if (error instanceof GuestLost) return false;
      throw error;
    }
  }

  #tellOfAttempt({ prepared: { scenario }, attempts }: Trial, attempt: Attempt): void {
    const { execution, guest, durationMs } = attempt;
    this.#emit({
      type: "attempt-end",
      cell: this.#plan.id,
      scenario: scenario.id,
      attempt: attempts.length,
      guest,
      verdict: execution.verdict,
      durationMs,
      ...causeOf(scenario, attempt, this.#plan.explain),
    });
  }

  /** The verdict on a scenario that was played. */
  #tell({ prepared, attempts }: Trial): void {
    const { scenario } = prepared;
    const verdict = verdictOf(attempts);
    const prediction = "prediction" in prepared ? prepared.prediction : undefined;
    this.#endScenario(scenario, {
      verdict,
      deviations: verdict === "known" && prediction ? [...exercisedDeviations(prediction)] : [],
      durationMs: attempts.reduce((sum, { durationMs }) => sum + durationMs, 0),
      ...(attempts.length > 1 ? { attempts: attempts.map(({ execution }) => execution.verdict) } : {}),
      ...causeOf(scenario, toldOf(attempts), this.#plan.explain),
    });
  }

  #skip(scenario: Scenario, reason: string): void {
    this.#endScenario(scenario, { verdict: "skip", deviations: [], durationMs: 0, reason });
  }

  #endScenario(
    scenario: Scenario,
    outcome: Omit<ScenarioEnd, "type" | "cell" | "scenario" | "file" | "line" | "steps" | "again">,
  ): void {
    this.#emit({
      type: "scenario-end",
      cell: this.#plan.id,
      scenario: scenario.id,
      file: scenario.position.file,
      line: scenario.position.line,
      steps: scenario.steps.length,
      ...outcome,
      again: this.#plan.again(scenario.id),
    });
  }
}
