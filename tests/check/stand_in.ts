/** A guest that answers what it is told to. */
import type { Answer } from "../../harness/model/answer.ts";
import { hex } from "../../harness/model/range_list.ts";
import { GuestLost } from "../../harness/guest/guest.ts";

export interface StandInPlan {
  /** The replies to a scenario's actions, in order. */
  readonly replies: readonly string[];
  /** The reply to `reset`. */
  readonly reset?: string;
  /** What replaces the reply to a request that begins like this. */
  readonly instead?: readonly [command: string, reply: string];
  /** The guest is lost before it replies to this action. */
  readonly lostAt?: number;
  readonly loss?: GuestLost;
  readonly log?: readonly string[];
}

/** Replies to the requests of one performance. */
export class StandIn {
  /** Everything that was asked. */
  readonly commands: string[] = [];
  readonly #plan: StandInPlan;
  #actions = 0;

  constructor(plan: StandInPlan) {
    this.#plan = plan;
  }

  async request(commands: readonly string[], onReply: (reply: string, index: number) => void): Promise<void> {
    for (const [index, command] of commands.entries()) {
      this.commands.push(command);
      onReply(this.#reply(command), index);
    }
  }

  async kernelLog(): Promise<string[]> {
    return [...this.#plan.log ?? []];
  }

  #reply(command: string): string {
    const { replies, reset = "ok vmlck=0x0 taint=0x0", instead, lostAt, loss } = this.#plan;
    if (instead && command.startsWith(instead[0])) return instead[1];
    if (/^(say|mark) /.test(command)) return "ok";
    if (this.#actions === lostAt && loss) throw loss;
    const reply = replies[this.#actions++];
    return reply ?? (command === "reset" ? reset : "ok");
  }
}

/** An answer as the probe writes it; its locked memory has `baselinePages` that were there before. */
export function replyText({ errno, values }: Answer, baselinePages = 0n): string {
  const words = Object.entries(values).map(([key, value]) =>
    key === "vmlck" ? `vmlck=${hex(BigInt(value) + baselinePages)}` : `${key}=${value}`
  );
  return [errno === null ? "ok" : `err ${errno}`, ...words].join(" ");
}
