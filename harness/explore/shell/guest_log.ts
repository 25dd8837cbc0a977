/** What a guest's kernel logs while a session goes on. */
import type { PredictedAction } from "../../check/two_models.ts";
import { strayFault } from "../../check/stray_fault.ts";
import { complains, excerpt } from "../../guest/console.ts";
import type { Answer } from "../../model/answer.ts";
import type { Step } from "../../scenario/step.ts";
import type { Trouble } from "./session.ts";

export class GuestLog {
  readonly #read: () => Promise<string[]>;
  /** Since nothing was played. */
  #lines: string[] = [];
  #unread: string[] = [];
  #hasStrayed = false;

  /** @param read reads what the kernel has logged since it was last asked */
  constructor(read: () => Promise<string[]>) {
    this.#read = read;
  }

  /** Nothing was played yet. */
  begin(): void {
    this.#lines = [];
    this.#hasStrayed = false;
  }

  /**
   * Reads on.
   * @returns what the kernel complains about, if it does
   * @throws GuestLost
   */
  async complaint(): Promise<Trouble | undefined> {
    const lines = await this.#read();
    this.#lines.push(...lines);
    this.#unread.push(...lines);
    return complains(lines)
      ? { kind: "crash", message: "the kernel complained", console: excerpt(lines) }
      : undefined;
  }

  /** What nobody was shown yet. */
  take(): string[] {
    return this.#unread.splice(0);
  }

  /**
   * The first fault at an address that no device was refused, told once.
   * @param id of the session, as in the marks that its steps make
   * @param observed the answers to all actions
   */
  stray(
    id: string,
    steps: readonly Step[],
    actions: readonly PredictedAction[],
    observed: readonly Answer[],
  ): Trouble | undefined {
    const fault = this.#hasStrayed
      ? undefined
      : strayFault({ id, steps }, { actions }, observed, this.#lines);
    if (!fault) return undefined;
    this.#hasStrayed = true;
    const { difference: { predicted, observed: seen }, console } = fault;
    return {
      kind: "mismatch",
      message: `the kernel's log tells of ${seen}; predicted were ${predicted}`,
      console,
    };
  }
}
