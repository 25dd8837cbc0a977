/** Races in a cell, told in events as everything else is. */
import { join } from "node:path";
import { faultOf } from "../../check/attempt.ts";
import type { CellPlan } from "../../check/cell_plan.ts";
import { BadRequestError } from "../../check/observation.ts";
import { CannotTestError, UsageError } from "../../errors.ts";
import { GuestLost } from "../../guest/guest_lost.ts";
import { ProtocolError } from "../../guest/probe_channel.ts";
import type { Event } from "../../report/events.ts";
import { exploreRaces, type RaceEvent, type RaceOptions, type RaceReport } from "./explore_races.ts";
import { findingText } from "./race_text.ts";

type Emit = (event: Event) => void;

/** What a cell's races are to be like. */
export type RaceWish = Omit<RaceOptions, "signal" | "emit">;

/**
 * Plays races in a cell until time is up, or until no order of the calls explains one.
 * @param signal aborted, guests end at once
 */
export async function raceInCell(
  plan: CellPlan,
  wish: RaceWish,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const { id: cell, kernelSpec: kernel, qemuSpec: qemu, machine: { name: machine }, skip } = plan;
  if (skip !== undefined) return emit({ type: "cell-skip", cell, reason: skip });
  const begin = performance.now();
  const end = (fault?: Extract<Event, { type: "cell-end" }>["fault"]) =>
    emit({
      type: "cell-end",
      cell,
      durationMs: Math.round(performance.now() - begin),
      ...(fault ? { fault } : {}),
    });
  let hasStarted = false;
  const tell = (event: RaceEvent) => {
    if (event.type === "played") {
      emit({ type: "exploring", cell, played: event.counts.races, steps: event.counts.calls });
    }
    if (event.type !== "guest-booted") return;
    const { accelerator, ...booted } = event;
    if (!hasStarted) emit({ type: "cell-start", cell, kernel, qemu, machine, accelerator });
    hasStarted = true;
    emit({ ...booted, cell });
  };
  try {
    const report = await exploreRaces(plan, { ...wish, signal, emit: tell });
    if (report.finding) await tellFinding(plan, wish, report, emit);
    if (signal.aborted) return;
    if (report.failure !== undefined) throw report.failure;
    const { races, calls, turnTaking, orders, boots: guests, durationMs } = report;
    emit({ type: "raced", cell, seed: wish.seed, races, calls, turnTaking, orders, guests, durationMs });
    end();
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof UsageError) return emit({ type: "cell-skip", cell, reason: error.message });
    if (!isFault(error)) throw error;
    end(faultOf(error));
  }
}

/** Whether nothing could be found out: other cells may do better. */
const isFault = (error: unknown): error is Error =>
  [GuestLost, CannotTestError, BadRequestError, ProtocolError].some((kind) => error instanceof kind);

/** So often is a race to be played to see it fail again. */
const REPETITIONS_AGAIN = 2000;

/** Races don't repeat reliably, so what is kept of one is what happened, not a scenario. */
async function tellFinding(
  plan: CellPlan,
  { seed, mayEmpty }: RaceWish,
  { finding, asFound, odds, durationMs }: RaceReport,
  emit: Emit,
): Promise<void> {
  if (!finding) return;
  const { race, verdict, reason } = finding;
  const name = `race-${seed}-${race.index}`;
  const file = join(plan.artifactsDir, `${name}.txt`);
  const text = findingText(finding, odds);
  await Deno.mkdir(plan.artifactsDir, { recursive: true });
  const drawn = asFound && asFound !== finding ? `\nas it was drawn: ${findingText(asFound)}` : "";
  await Deno.writeTextFile(file, `${text}${drawn}`);
  emit({
    type: "scenario-end",
    cell: plan.id,
    scenario: `explore/${name}`,
    file,
    line: 1,
    verdict,
    deviations: [],
    steps: race.threads.flat().length,
    durationMs,
    reason: text.trimEnd() === "" ? reason : text.trimEnd(),
    again: plan.explore([
      ...["--races", "--seed", String(seed), "--first", String(race.index)],
      ...["--runs", "1", "--repetitions", String(REPETITIONS_AGAIN), ...(mayEmpty ? ["--may-empty"] : [])],
    ]),
  });
}
