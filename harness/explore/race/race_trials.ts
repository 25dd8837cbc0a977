/** Races played and judged, on one guest as long as it is fit for more, on another after that. */
import type { Target } from "../../check/assignment.ts";
import type { CellPlan } from "../../check/cell_plan.ts";
import type { Condition } from "../../check/execution.ts";
import { CannotTestError } from "../../errors.ts";
import { GuestLost } from "../../guest/guest_lost.ts";
import { explain, type Finding } from "./finding.ts";
import type { Order } from "./linearize.ts";
import type { Race, Stage } from "./race.ts";
import { RaceGuest } from "./race_guest.ts";
import type { PlayedRace } from "./race_script.ts";
import type { Trials } from "./shrink_race.ts";

export interface TrialOptions {
  readonly plan: CellPlan;
  readonly target: Target;
  readonly stage: Stage;
  /** Aborted, guests end at once. */
  readonly signal: AbortSignal;
  readonly onBoot: (guest: RaceGuest) => void;
}

export class RaceTrials implements AsyncDisposable {
  /** How many guests it took so far. */
  boots = 0;
  readonly #options: TrialOptions;
  #guest: RaceGuest | undefined;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /**
   * Plays races in one go. Those behind one that has spoiled the guest don't count.
   * @param onExplained told of each race that has an order
   * @throws CannotTestError, GuestLost, BadRequestError, ProtocolError
   */
  async play(
    races: readonly Race[],
    onExplained: (order: Order, race: Race) => void = () => {},
  ): Promise<Trials> {
    const { target, stage } = this.#options;
    const guest = await this.#booted();
    const { played, lost, complaint } = await guest.play(races);
    const findings: Finding[] = [];
    for (const [index, one] of played.entries()) {
      const hasComplained = index === complaint?.index;
      const explained = explain(target, stage, one, guest.condition);
      if (hasComplained) findings.push(complaintIn(complaint.lines, one, explained));
      else if (typeof explained === "string") onExplained(explained, one.race);
      else findings.push(explained);
      if (!hasComplained && isSame(one.condition, guest.condition)) continue;
      await this.refresh();
      return { findings, trials: index + 1 };
    }
    if (!lost) return { findings, trials: played.length };
    await this.refresh();
    // What befell us is no excuse for what the kernel had got wrong before.
    if (lost.loss === "harness-fault" && findings.length > 0) return { findings, trials: played.length };
    return { findings: [...findings, lossIn(lost, races[played.length])], trials: played.length + 1 };
  }

  /** The next race is played on a guest of its own. */
  async refresh(): Promise<void> {
    const guest = this.#guest;
    this.#guest = undefined;
    await guest?.[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.refresh();
  }

  async #booted(): Promise<RaceGuest> {
    if (this.#guest) return this.#guest;
    const { plan, target, stage, signal, onBoot } = this.#options;
    this.#guest = await RaceGuest.boot(plan, target, stage, ++this.boots, signal);
    onBoot(this.#guest);
    return this.#guest;
  }
}

const isSame = (a: Condition, b: Condition): boolean =>
  a.lockedPages === b.lockedPages && a.taint === b.taint;

/** What the kernel complained about in a race; answers that can't be say more of how it came to that. */
function complaintIn(
  console: readonly string[],
  { race, history }: PlayedRace,
  explained: Order | Finding,
): Finding {
  if (typeof explained !== "string" && explained.unexplained) return { ...explained, console };
  return { race, history, verdict: "crash", reason: "the kernel complained", console };
}

/** @throws CannotTestError for a guest that was lost through no fault of its kernel, or behind the last race */
function lossIn({ loss, message, console }: GuestLost, race: Race | undefined): Finding {
  if (loss === "harness-fault" || !race) throw new CannotTestError(message);
  return { race, verdict: loss, reason: message, console };
}
