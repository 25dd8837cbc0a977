/** Plays sequences on guests of a cell: one guest as long as it is fit for more, then the next. */
import type { Target } from "../check/assignment.ts";
import { passed } from "../check/attempt.ts";
import type { CellPlan, GuestPlan } from "../check/cell_plan.ts";
import {
  commandsOf,
  conclude,
  concludeEarly,
  execute,
  type Execution,
  type Performance,
  requestsOf,
} from "../check/execution.ts";
import { type BootedGuest, bootReady, type ReadyGuest } from "../check/ready_guest.ts";
import { checkWorld, namesOf } from "../check/world_check.ts";
import { logOf } from "../guest/guest.ts";
import { GuestLost } from "../guest/guest_lost.ts";
import { ProtocolError } from "../guest/probe_channel.ts";
import { membershipsOf } from "../machine/predicted.ts";
import { ENGINE_STEPS } from "./sequence.ts";
import type { Playable } from "./playable.ts";

/** What pinned memory a guest may lose to faults of its kernel before it is given up. */
const LEAK_TOLERATED_PAGES = 4096n;

/** Sequences that a guest has been sent: enough that it never waits for the next. */
const SENT_AHEAD = 2;

/** Who is told of guests. */
export interface Witness {
  /** Before the first is started. */
  onFirstStart?(plan: GuestPlan): void;
  /** Of every guest that has booted. */
  onBoot?(guest: BootedGuest): void;
}

/** A live guest, and what it was like when it had just booted. */
interface Live extends ReadyGuest, AsyncDisposable {
  readonly pristinePages: bigint;
}

/** A sequence that a guest is at. */
interface Running {
  readonly playable: Playable;
  readonly guest: Live;
  readonly performance: Omit<Performance, "before">;
  readonly replies: Promise<readonly string[]>;
}

export class Player implements AsyncDisposable {
  readonly #plan: CellPlan;
  readonly #target: Target;
  readonly #signal: AbortSignal;
  readonly #witness: Witness;
  #live: Live | undefined;
  #boots = 0;
  #waitedMs = 0;

  /** @param signal aborted, guests end at once */
  constructor(plan: CellPlan, target: Target, signal: AbortSignal, witness: Witness = {}) {
    this.#plan = plan;
    this.#target = target;
    this.#signal = signal;
    this.#witness = witness;
  }

  get boots(): number {
    return this.#boots;
  }

  /** For so long `playAll` had nothing to do but wait for a guest. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Compares the machine with what it was predicted to be, before anything relies on it. */
  async checkWorld(): Promise<Execution> {
    const { guest, numbers, condition } = await this.#fitGuest();
    const { machine, kernelVersion } = this.#plan;
    return await checkWorld(guest, this.#target, membershipsOf(machine, kernelVersion), numbers, condition);
  }

  /** Ends the guest, so that what is played next has one that nothing else has been played on. */
  async renew(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    await live?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.renew();
  }

  /**
   * Plays a sequence by itself, with marks in the kernel log.
   * @throws GuestLost, CannotTestError when there is no guest to play on
   */
  async play(playable: Playable): Promise<Execution> {
    const live = await this.#fitGuest(playable);
    const { scenario, prediction, assignment } = playable;
    const names = namesOf(live.numbers, assignment.world);
    const execution = await execute(live.guest, scenario, prediction, names, live.condition);
    await this.#settle(live, execution);
    return execution;
  }

  /**
   * Plays one sequence after the other. While the guest is at one, the next is made and sent, and the last is judged.
   * @param judged is told how each went, in order; false ends it
   * @throws GuestLost, CannotTestError when there is no guest to play on
   */
  async playAll(
    source: Iterator<Playable>,
    judged: (playable: Playable, execution: Execution) => boolean,
  ): Promise<void> {
    const running: Running[] = [];
    let next: Playable | undefined;
    for (;;) {
      while (running.length < SENT_AHEAD) {
        next ??= (source.next() as IteratorResult<Playable, undefined>).value;
        if (!next || !this.#mayFollow(running, next)) break;
        running.push(await this.#start(next));
        next = undefined;
      }
      const first = running.shift();
      if (!first) return;
      const execution = await this.#judge(first);
      if (!judged(first.playable, execution)) return await this.#abandon(running);
      if (!running.every(({ playable }) => this.#mayFollow(running, playable))) {
        await this.#startAgain(running);
      }
    }
  }

  /** Whether the guest that has been sent these is fit for that one, as far as is known by now. */
  #mayFollow(running: readonly Running[], playable: Playable): boolean {
    return running.every(({ guest }) => guest === this.#live && this.#isFitFor(guest, playable));
  }

  async #startAgain(running: Running[]): Promise<void> {
    const all = running.splice(0);
    await this.#abandon(all);
    for (const { playable } of all) running.push(await this.#start(playable));
  }

  async #start(playable: Playable): Promise<Running> {
    return this.#send(playable, await this.#fitGuest(playable));
  }

  #send(playable: Playable, guest: Live): Running {
    const { scenario, prediction, assignment, sequence } = playable;
    const requests = requestsOf(scenario, prediction, sequence.steps.some(isOfEngine));
    const commands = commandsOf(requests, namesOf(guest.numbers, assignment.world));
    const replies = guest.guest.request([...commands, "klog"]);
    // Whoever judges is told; until then it must not be taken for an error that nobody handles.
    replies.catch(() => {});
    return { playable, guest, performance: { scenario, prediction, requests }, replies };
  }

  async #judge({ playable, guest, performance, replies }: Running): Promise<Execution> {
    const whole = { ...performance, before: guest.condition };
    let execution: Execution;
    try {
      const all = await this.#await(replies);
      const { lines, isAll } = logOf(all.at(-1) ?? "");
      execution = conclude(whole, all.slice(0, -1), lines);
      if (!isAll) {
        // So long a log is read in pieces, and the rest of it would be taken for the next sequence's.
        await this.renew();
        return passed({ execution }) ? await this.play(playable) : execution;
      }
    } catch (error) {
      if (!(error instanceof GuestLost || error instanceof ProtocolError)) throw error;
      execution = concludeEarly(whole, error);
    }
    await this.#settle(guest, execution);
    return execution;
  }

  async #await(replies: Promise<readonly string[]>): Promise<readonly string[]> {
    const begin = performance.now();
    try {
      return await replies;
    } finally {
      this.#waitedMs += performance.now() - begin;
    }
  }

  /** Nobody wants to know any more. */
  async #abandon(running: readonly Running[]): Promise<void> {
    if (running.some(({ guest }) => guest === this.#live)) await this.renew();
    await Promise.allSettled(running.map(({ replies }) => replies));
  }

  /** Takes note of what the guest is like now, or gives it up. */
  async #settle(live: Live, { verdict, condition }: Execution): Promise<void> {
    const isSane = condition !== undefined && verdict !== "crash" &&
      condition.lockedPages - live.pristinePages <= LEAK_TOLERATED_PAGES;
    if (isSane) live.condition = condition;
    else if (this.#live === live) await this.renew();
  }

  /** What stays locked by a fault of the kernel counts against the limits that a sequence sets. */
  #isFitFor({ condition, pristinePages }: Live, { sequence }: Playable): boolean {
    return condition.lockedPages === pristinePages || !sequence.steps.some((step) => "memlock" in step);
  }

  async #fitGuest(playable?: Playable): Promise<Live> {
    if (this.#live && playable && !this.#isFitFor(this.#live, playable)) await this.renew();
    return this.#live ??= await this.#boot();
  }

  async #boot(): Promise<Live> {
    const booted = await bootReady(this.#plan, {
      groups: this.#target.groups,
      number: ++this.#boots,
      signal: this.#signal,
      onStart: (plan) => this.#boots === 1 && this.#witness.onFirstStart?.(plan),
    });
    this.#witness.onBoot?.(booted);
    return {
      ...booted,
      pristinePages: booted.condition.lockedPages,
      [Symbol.asyncDispose]: () => booted.guest[Symbol.asyncDispose](),
    };
  }
}

const isOfEngine = (step: object): boolean => ENGINE_STEPS.some((name) => name in step);
