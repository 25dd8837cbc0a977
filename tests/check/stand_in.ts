/** A guest that answers what it is told to. */
import { GuestLost, type Loss } from "../../harness/guest/guest_lost.ts";
import type { Answer } from "../../harness/model/answer.ts";
import { hex } from "../../harness/model/range_list.ts";
import { INJECTION_FAULTS } from "../../harness/scenario/steps/injection.ts";
import { PLACEMENT_FAULTS } from "../../harness/scenario/steps/placement.ts";

export interface StandInPlan {
  /** The replies to a scenario's actions, in order. */
  readonly replies: readonly string[];
  /** The reply to `reset`. */
  readonly reset?: string;
  /** What replaces the reply to requests that begin like this. */
  readonly instead?: readonly [command: string, reply: string];
  /** The guest is lost before it replies to this action. */
  readonly lost?: { readonly at: number; readonly loss: Loss };
  /** The kernel log. */
  readonly log?: readonly string[];
}

/** Replies to the requests of one execution. */
export class StandIn {
  /** Everything that was asked. */
  readonly commands: string[] = [];
  readonly #plan: StandInPlan;
  #actions = 0;

  constructor(plan: StandInPlan) {
    this.#plan = plan;
  }

  async request(commands: readonly string[]): Promise<string[]> {
    const { lost } = this.#plan;
    const replies: string[] = [];
    for (const command of commands) {
      this.commands.push(command);
      if (isAction(command) && this.#actions === lost?.at) {
        throw new GuestLost(lost.loss, "it is gone", ["a", "b"], { replies });
      }
      replies.push(this.#reply(command));
    }
    return replies;
  }

  async kernelLog(): Promise<string[]> {
    return [...this.#plan.log ?? []];
  }

  #reply(command: string): string {
    const { replies, reset = "ok vmlck=0x0 taint=0x0", instead } = this.#plan;
    if (instead && command.startsWith(instead[0])) return instead[1];
    const reply = isAction(command) ? replies[this.#actions++] : undefined;
    if (reply !== undefined) return reply;
    if ([...INJECTION_FAULTS, ...PLACEMENT_FAULTS].includes(command)) return "ok value=0";
    return command === "reset" ? reset : "ok";
  }
}

const isAction = (command: string): boolean => !/^(say|mark) /.test(command);

/** An answer as the probe writes it; its locked memory has `baselinePages` that were there before. */
export function replyText({ errno, values }: Answer, baselinePages = 0n): string {
  const words = Object.entries(values).map(([key, value]) =>
    key === "vmlck" ? `vmlck=${hex(BigInt(value) + baselinePages)}` : `${key}=${value}`
  );
  return [errno === null ? "ok" : `err ${errno}`, ...words].join(" ");
}
