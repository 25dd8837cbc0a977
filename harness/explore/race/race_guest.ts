/** A live guest of two processors that plays races. */
import { join } from "node:path";
import type { Target } from "../../check/assignment.ts";
import type { CellPlan } from "../../check/cell_plan.ts";
import { type Condition, conditionOf } from "../../check/execution.ts";
import { BadRequestError, parseReply, sinceBaseline } from "../../check/observation.ts";
import { makeReady, type ReadyGuest } from "../../check/ready_guest.ts";
import { namesOf } from "../../check/world_check.ts";
import { beforeComplaint, complains, excerpt } from "../../guest/console.ts";
import { Guest } from "../../guest/guest.ts";
import { GuestLost } from "../../guest/guest_lost.ts";
import { type Action, commandOf } from "../../scenario/action.ts";
import { INJECTION_FAULTS } from "../../scenario/steps/injection.ts";
import type { Both, History, Observed } from "./linearize.ts";
import { aftermathOf, preparationOf, type Race, type Stage, worldOf } from "./race.ts";

const PROCESSORS = 2;

/** A race that was played to its end. */
export interface PlayedRace {
  readonly race: Race;
  readonly history: History;
  /** What the guest was like afterwards. */
  readonly condition: Condition;
}

/** What became of races that were played in one go. */
export interface PlayedRaces {
  /** Those that came to their end; fewer than were asked for when the guest was lost. */
  readonly played: readonly PlayedRace[];
  /** The guest was lost in the race behind them. */
  readonly lost?: GuestLost;
  /** What the kernel complained about, and how many races had come to their end when it began. */
  readonly complaint?: { readonly index: number; readonly lines: readonly string[] };
}

/** A request, and what its reply is read for. */
interface Asked {
  readonly part: "before" | "race" | "after" | "own";
  readonly command: string;
  readonly action?: Action;
}

/** How a race begins in the kernel's log. */
const MARK = /race (\d+)$/;

export class RaceGuest implements AsyncDisposable {
  /** How long it took to boot. */
  readonly bootMs: number;
  /** What the kernel complained about while booting. */
  readonly complaint: string | undefined;
  readonly #ready: ReadyGuest;
  readonly #stage: Stage;

  private constructor(ready: ReadyGuest, stage: Stage, complaint: string | undefined) {
    this.#ready = ready;
    this.#stage = stage;
    this.bootMs = ready.guest.bootMs;
    this.complaint = complaint;
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
    const artifactsDir = join(plan.artifactsDir, `guest-${number}`);
    await Deno.mkdir(artifactsDir, { recursive: true });
    const guestPlan = { ...await plan.guestPlan(artifactsDir), processors: PROCESSORS };
    await using resources = new AsyncDisposableStack();
    const guest = resources.use(await Guest.boot(guestPlan, plan.limits, signal));
    const { ready, complaint } = await makeReady(guest, guestPlan, target.version, target.groups);
    resources.move();
    return new RaceGuest(ready, stage, complaint);
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
    const asked = races.map((race, index) => this.#requestsOf(race, index));
    const { replies, lost } = await this.#send(asked.flat().map(({ command }) => command));
    let offset = 0;
    const played = asked.flatMap((requests, index) => {
      const own = replies.slice(offset, offset += requests.length);
      return own.length < requests.length ? [] : [this.#read(races[index]!, requests, own)];
    });
    if (lost) return { played, lost };
    await this.#requireInjected();
    const log = await this.#ready.guest.kernelLog();
    if (!complains(log)) return { played };
    const begun = beforeComplaint(log).flatMap((line) => MARK.exec(line)?.[1] ?? []);
    return { played, complaint: { index: Number(begun.at(-1) ?? 0), lines: excerpt(log) } };
  }

  #requestsOf(race: Race, index: number): Asked[] {
    const names = namesOf(this.#ready.numbers, worldOf(this.#stage, race));
    const own = (command: string): Asked => ({ part: "own", command });
    const asking = (part: "before" | "after", actions: readonly Action[]) =>
      actions.map((action): Asked => ({ part, action, command: commandOf(action, names) }));
    return [
      own(`mark race ${index}`),
      ...asking("before", preparationOf(this.#stage, race)),
      ...race.threads.flatMap((actions, thread) =>
        actions.map((action) => own(`race ${thread + 1} ${commandOf(action, names)}`))
      ),
      { part: "race", command: "race go" },
      ...asking("after", aftermathOf(this.#stage)),
      own("reset"),
    ];
  }

  async #send(commands: readonly string[]): Promise<{ replies: readonly string[]; lost?: GuestLost }> {
    try {
      return { replies: await this.#ready.guest.request(commands) };
    } catch (error) {
      if (!(error instanceof GuestLost)) throw error;
      return { replies: error.replies, lost: error };
    }
  }

  #read(race: Race, asked: readonly Asked[], replies: readonly string[]): PlayedRace {
    const before: Observed[] = [];
    const after: Observed[] = [];
    let threads: Both<Observed[]> = [[], []];
    for (const [index, { part, action, command }] of asked.entries()) {
      const answer = sinceBaseline(parseReply(replies[index] ?? ""), this.condition.lockedPages);
      if (part === "own" && answer.errno !== null) throw new BadRequestError(`${command}: ${answer.errno}`);
      if (part === "race") threads = answersOf(race, answer.values);
      if (action) (part === "before" ? before : after).push({ action, answer });
    }
    return { race, history: { before, threads, after }, condition: conditionOf(replies.at(-1) ?? "") };
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

/** The answers to both threads, as the reply to `race go` has them: `1.2=err%20EEXIST`. [guests/probe/PROTOCOL.md] */
function answersOf({ threads }: Race, values: Readonly<Record<string, string>>): Both<Observed[]> {
  const [first, second] = threads.map((actions, thread) =>
    actions.map((action, index): Observed => {
      const reply = values[`${thread + 1}.${index + 1}`];
      if (reply === undefined) throw new BadRequestError(`race go has no answer to ${action.text}`);
      return { action, answer: parseReply(reply) };
    })
  );
  return [first ?? [], second ?? []];
}
