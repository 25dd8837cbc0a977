/** The guest that a session is played on; another takes its place where it can't be shown to be as it was. */
import type { Target } from "../../check/assignment.ts";
import type { CellPlan } from "../../check/cell_plan.ts";
import { type Condition, conditionOf, type Request, requireInjected, send } from "../../check/execution.ts";
import { hotplug } from "../../check/hotplug.ts";
import { BadRequestError } from "../../check/observation.ts";
import { bootReady, type ReadyGuest } from "../../check/ready_guest.ts";
import { checkWorld, namesOf } from "../../check/world_check.ts";
import { GuestLost } from "../../guest/guest_lost.ts";
import { membershipsOf } from "../../machine/predicted.ts";
import type { World } from "../../model/world.ts";
import type { SessionGuest } from "./session.ts";

/** What a guest showed when it had booted. */
export interface Boot {
  readonly accelerator: string;
  readonly bootMs: number;
  /** What the kernel complained about on the way. */
  readonly complaint?: string;
  /** In what the machine isn't as predicted. */
  readonly surprise?: string;
}

export class LiveGuest implements SessionGuest, AsyncDisposable {
  readonly #plan: CellPlan;
  readonly #target: Target;
  readonly #world: World;
  readonly #signal: AbortSignal;
  readonly #tell: (boot: Boot) => void;
  #ready: ReadyGuest | undefined;
  #boots = 0;

  private constructor(
    plan: CellPlan,
    target: Target,
    world: World,
    signal: AbortSignal,
    tell: (boot: Boot) => void,
  ) {
    this.#plan = plan;
    this.#target = target;
    this.#world = world;
    this.#signal = signal;
    this.#tell = tell;
  }

  /**
   * Boots the first guest.
   * @param world the session's groups
   * @param signal aborted, the guest ends at once
   * @param tell is told of each guest that has booted
   * @throws CannotTestError, GuestLost
   */
  static async booted(
    plan: CellPlan,
    target: Target,
    world: World,
    signal: AbortSignal,
    tell: (boot: Boot) => void,
  ): Promise<LiveGuest> {
    const guest = new LiveGuest(plan, target, world, signal, tell);
    await guest.boot();
    return guest;
  }

  get condition(): Condition {
    return this.#guest.condition;
  }

  async send(requests: readonly Request[]): Promise<string[]> {
    const { guest, numbers } = this.#guest;
    const host = hotplug(guest, this.#plan.machine, numbers, this.#world);
    return await send(guest, requests, namesOf(numbers, this.#world), host);
  }

  kernelLog(): Promise<string[]> {
    return this.#guest.guest.kernelLog();
  }

  async clean(cleaning: readonly string[]): Promise<Condition | undefined> {
    try {
      const replies = await this.#guest.guest.request(cleaning);
      requireInjected(cleaning.map((own) => ({ own })), replies);
      return conditionOf(replies.at(-1) ?? "");
    } catch (error) {
      if (error instanceof GuestLost || error instanceof BadRequestError) return undefined;
      throw error;
    }
  }

  async boot(): Promise<void> {
    await this[Symbol.asyncDispose]();
    await using resources = new AsyncDisposableStack();
    const booted = await bootReady(this.#plan, {
      groups: this.#target.groups,
      number: ++this.#boots,
      signal: this.#signal,
    });
    const { guest, accelerator, complaint } = booted;
    resources.use(guest);
    const surprise = await this.#surprise(booted);
    this.#tell({
      accelerator,
      bootMs: Math.round(guest.bootMs),
      ...(complaint === undefined ? {} : { complaint }),
      ...(surprise === undefined ? {} : { surprise }),
    });
    resources.move();
    this.#ready = booted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ready = this.#ready;
    this.#ready = undefined;
    await ready?.guest[Symbol.asyncDispose]();
  }

  get #guest(): ReadyGuest {
    if (!this.#ready) throw new RangeError("a guest has booted before anything is played");
    return this.#ready;
  }

  /** @throws GuestLost where it can't even be found out */
  async #surprise({ guest, numbers, condition }: ReadyGuest): Promise<string | undefined> {
    const memberships = membershipsOf(this.#plan.machine, this.#plan.kernelVersion);
    const { verdict, difference, actionText, reason, console = [] } = await checkWorld(
      guest,
      this.#target,
      memberships,
      numbers,
      condition,
    );
    if (difference && verdict !== "known") {
      return `${actionText}: predicted ${difference.predicted}, observed ${difference.observed}`;
    }
    if (verdict === "match" || verdict === "known") return undefined;
    throw new GuestLost(
      verdict === "mismatch" ? "harness-fault" : verdict,
      `world check: ${reason}`,
      console,
    );
  }
}
