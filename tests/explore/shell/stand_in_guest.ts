/** A guest that a session is played on, made of the model. */
import type { Condition, Request } from "../../../harness/check/execution.ts";
import type { Target } from "../../../harness/check/assignment.ts";
import type { SessionGuest } from "../../../harness/explore/shell/session.ts";
import { GuestLost, type Loss } from "../../../harness/guest/guest_lost.ts";
import { type DeviationName, deviationsOf, semanticsOf } from "../../../harness/model/semantics.ts";
import { initialState, type State } from "../../../harness/model/state.ts";
import type { World } from "../../../harness/model/world.ts";
import { replyText } from "../../check/stand_in.ts";

export interface Conduct {
  /** The faults of this kernel; those of its version if left out. */
  readonly deviations?: ReadonlySet<DeviationName>;
  /** What it replies to actions with this text instead. */
  readonly instead?: ReadonlyMap<string, string>;
  /** It is lost at this action. */
  readonly lostAt?: readonly [text: string, loss: Loss];
  /** Pages that stay locked. */
  readonly leaks?: bigint;
  /** What the kernel logs after this action. */
  readonly logs?: readonly [text: string, lines: readonly string[]];
}

const BASELINE_PAGES = 3n;

export class StandInGuest implements SessionGuest {
  readonly condition: Condition = { lockedPages: BASELINE_PAGES, taint: 0n };
  /** How often the same guest was cleaned, or another one booted. */
  readonly renewals: string[] = [];
  /** What the harness itself has asked. */
  readonly own: string[] = [];
  conduct: Conduct;
  readonly #target: Target;
  readonly #world: World;
  #state: State;
  #log: string[] = [];

  constructor(target: Target, world: World, conduct: Conduct = {}) {
    this.conduct = conduct;
    this.#target = target;
    this.#world = world;
    this.#state = this.#fresh();
  }

  async send(requests: readonly Request[]): Promise<string[]> {
    const replies: string[] = [];
    for (const request of requests) {
      replies.push("own" in request ? this.#serve(request.own) : this.#act(request, replies));
    }
    return replies;
  }

  async kernelLog(): Promise<string[]> {
    return this.#log.splice(0);
  }

  async clean(): Promise<Condition> {
    const { lockedPages } = this.condition;
    this.renewals.push("cleaned");
    this.#state = this.#fresh();
    return { lockedPages: lockedPages + (this.conduct.leaks ?? 0n), taint: 0n };
  }

  async boot(): Promise<void> {
    this.renewals.push("booted");
    this.#state = this.#fresh();
  }

  #fresh(): State {
    const { version } = this.#target;
    return initialState(semanticsOf(version, this.conduct.deviations ?? deviationsOf(version)), this.#world);
  }

  #serve(own: string): string {
    this.own.push(own);
    return own.startsWith("read ") ? "ok value=0" : "ok";
  }

  #act({ action }: Extract<Request, { action: unknown }>, replies: readonly string[]): string {
    const { instead, lostAt, logs } = this.conduct;
    if (lostAt?.[0] === action.text) {
      throw new GuestLost(lostAt[1], "it is gone", ["last words"], { replies });
    }
    if (logs?.[0] === action.text) this.#log.push(...logs[1]);
    const { state, answer } = action.apply(this.#state);
    this.#state = state;
    return instead?.get(action.text) ?? replyText(answer, BASELINE_PAGES);
  }
}
