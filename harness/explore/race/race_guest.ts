/** A live guest of two processors that plays races. */
import type { Target } from "../../check/assignment.ts";
import type { CellPlan } from "../../check/cell_plan.ts";
import type { Condition } from "../../check/execution.ts";
import { BadRequestError, parseReply } from "../../check/observation.ts";
import { type BootedGuest, bootReady, type ReadyGuest } from "../../check/ready_guest.ts";
import { namesOf } from "../../check/world_check.ts";
import { beforeComplaint, complains, excerpt } from "../../guest/console.ts";
import { GuestLost } from "../../guest/guest_lost.ts";
import { INJECTION_FAULTS } from "../../scenario/steps/injection.ts";
import { type Race, type Stage, worldOf } from "./race.ts";
import { lastBegun, type PlayedRace, readScript, scriptOf } from "./race_script.ts";

const PROCESSORS = 2;

/** What became of races that were played in one go. */
export interface PlayedRaces {
  /** Those that came to their end; fewer than were asked for when the guest was lost. */
  readonly played: readonly PlayedRace[];
  /** The guest was lost in the race behind them. */
  readonly lost?: GuestLost;
  /** What the kernel complained about, and how many races had come to their end when it began. */
  readonly complaint?: { readonly index: number; readonly lines: readonly string[] };
}

export class RaceGuest implements AsyncDisposable {
  /** How long it took to boot. */
  readonly bootMs: number;
  /** What the kernel complained about while booting. */
  readonly complaint: string | undefined;
  /** What QEMU runs its processors with. */
  readonly accelerator: string;
  readonly #ready: ReadyGuest;
  readonly #stage: Stage;

  private constructor(booted: BootedGuest, stage: Stage) {
    this.#ready = booted;
    this.#stage = stage;
    this.bootMs = booted.guest.bootMs;
    this.accelerator = booted.accelerator;
    this.complaint = booted.complaint;
  }

  /**
   * @param number tells its logs from those of other guests of the plan
   * @throws CannotTestError, GuestLost
   */
  static async boot(
    plan: CellPlan,
    target: Target,
    stage: Stage,
    number: number,
    signal: AbortSignal,
  ): Promise<RaceGuest> {
    const booted = await bootReady(plan, {
      groups: target.groups,
      number,
      signal,
      otherwise: { processors: PROCESSORS },
    });
    return new RaceGuest(booted, stage);
  }

  /** Before any race. */
  get condition(): Condition {
    return this.#ready.condition;
  }

  /**
   * Plays races, each from a guest on which everything is closed.
   * @throws BadRequestError, ProtocolError, GuestLost where the log can't be read any more
   */
  async play(races: readonly Race[]): Promise<PlayedRaces> {
    const { guest, numbers, condition } = this.#ready;
    const scripts = races.map((race, place) =>
      scriptOf(this.#stage, race, namesOf(numbers, worldOf(this.#stage, race)), place)
    );
    const { replies, lost } = await this.#send(scripts.flat().map(({ command }) => command));
    let offset = 0;
    const played = scripts.flatMap((script, place) => {
      const own = replies.slice(offset, offset += script.length);
      const race = races[place];
      return !race || own.length < script.length
        ? []
        : [readScript(race, script, own, condition.lockedPages)];
    });
    if (lost) return { played, lost };
    await this.#requireInjected();
    const log = await guest.kernelLog();
    if (!complains(log)) return { played };
    return { played, complaint: { index: lastBegun(beforeComplaint(log)), lines: excerpt(log) } };
  }

  async #send(commands: readonly string[]): Promise<{ replies: readonly string[]; lost?: GuestLost }> {
    try {
      return { replies: await this.#ready.guest.request(commands) };
    } catch (error) {
      if (!(error instanceof GuestLost)) throw error;
      return { replies: error.replies, lost: error };
    }
  }

  async #requireInjected(): Promise<void> {
    if (!this.#stage.hasModule) return;
    for (const command of INJECTION_FAULTS) {
      const { value } = parseReply(await this.#ready.guest.ask(command)).values;
      if (value !== "0") {
        throw new BadRequestError(`regions were not injected as asked: ${command} gave ${value}`);
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ready.guest[Symbol.asyncDispose]();
  }
}
