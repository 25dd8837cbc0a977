/** What a sequence that diverged comes to on fresh guests, made as small as can be. */
import type { Target } from "../check/assignment.ts";
import type { Execution } from "../check/execution.ts";
import { type Divergence, divergenceOf } from "./divergence.ts";
import { type Playable, playableOf } from "./playable.ts";
import type { Player } from "./player.ts";
import type { Sequence } from "./sequence.ts";
import { shrink } from "./shrink.ts";

/** A sequence that diverged. */
export interface Find {
  readonly index: number;
  readonly playable: Playable;
  readonly execution: Execution;
  /** How many others had been played before. */
  readonly earlier: number;
}

/** Where sequences are played. */
export type Guests = Pick<Player, "play" | "renew">;

/** Candidates for a shorter sequence: more than any took so far. */
const TRIES_MOST = 2000;

export class Examination {
  /** The smallest that shows it, and how it went; what was found, as long as there is nothing better. */
  playable: Playable;
  execution: Execution;
  notes: readonly string[] = ["there was no guest to try shorter ones on"];
  /** What it was, the first time and on a fresh guest. */
  readonly kinds = new Set<string>();
  readonly #player: Guests;
  readonly #target: Target;
  readonly #find: Find;
  readonly #shrinkLimitMs: number;
  readonly #signal: AbortSignal;

  constructor(player: Guests, target: Target, find: Find, shrinkLimitMs: number, signal: AbortSignal) {
    this.#player = player;
    this.#target = target;
    this.#find = find;
    this.#shrinkLimitMs = shrinkLimitMs;
    this.#signal = signal;
    this.playable = find.playable;
    this.execution = find.execution;
    this.#keepKind(divergenceOf(find.execution));
  }

  /**
   * Shows it again on a fresh guest, so that no earlier sequence can be blamed, makes it smaller, and shows that on a
   * fresh guest, too.
   * @throws GuestLost, CannotTestError when there is no guest to play on
   */
  async run(): Promise<void> {
    const { playable: whole, execution: first, earlier } = this.#find;
    const again = await this.#onFreshGuest(whole);
    if (!again) {
      this.notes = [`seen after ${earlier} others; on a fresh guest all is as predicted`];
      return;
    }
    // What befell us tells nothing of a kernel that did something wrong before.
    if (again.execution.verdict === "harness-fault" && first.verdict !== "harness-fault") {
      this.notes = [`seen after ${earlier} others; a fresh guest was lost: ${again.execution.reason}`];
      return;
    }
    this.#keepKind(again);
    this.execution = again.execution;
    const before = again.kind === divergenceOf(first)?.kind ? [] : [`at first it was a ${aboutFirst(first)}`];
    this.notes = [...before, "there was no guest to try shorter ones on"];
    const { playable, note } = await this.#shrunk(whole, again);
    this.notes = [...before, `${note}; no fresh guest was left to show it`];
    const shown = await this.#onFreshGuest(playable);
    if (shown?.kind === again.kind) {
      this.notes = [...before, note];
      this.playable = playable;
      this.execution = shown.execution;
    } else if (!this.#signal.aborted) {
      this.notes = [
        ...before,
        "what was made of it on a guest that had played others shows nothing on a fresh one",
      ];
    }
  }

  #keepKind(divergence: Divergence | undefined): void {
    if (divergence) this.kinds.add(divergence.kind);
  }

  async #onFreshGuest(playable: Playable): Promise<Divergence | undefined> {
    await this.#player.renew();
    return divergenceOf(await this.#player.play(playable));
  }

  async #shrunk(
    whole: Playable,
    { kind, execution }: Divergence,
  ): Promise<{ playable: Playable; note: string }> {
    const shows = (candidate: Sequence) => this.#shows(candidate, kind);
    const shorter = upTo(whole.sequence, execution);
    const { sequence, tries, isSmallest } = await shrink(
      await shows(shorter) ? shorter : whole.sequence,
      shows,
      {
        triesMost: TRIES_MOST,
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(this.#shrinkLimitMs)]),
      },
    );
    const note = `${tries} shorter or simpler ones were tried`;
    return {
      playable: playableOf(sequence, "smallest", this.#target) ?? whole,
      note: isSmallest ? note : `${note}, more would have taken too long`,
    };
  }

  async #shows(candidate: Sequence, kind: string): Promise<boolean> {
    const playable = playableOf(candidate, "candidate", this.#target);
    return playable !== undefined && divergenceOf(await this.#player.play(playable))?.kind === kind;
  }
}

/** `mismatch (map c0 0x1000 size 0x1000 rw)` */
const aboutFirst = ({ verdict, actionText, reason }: Execution): string => {
  const about = actionText ?? reason;
  return about === undefined ? verdict : `${verdict} (${about})`;
};

/** Nothing after the step that diverged should matter. */
const upTo = ({ setting, steps }: Sequence, { stepIndex }: Execution): Sequence => ({
  setting,
  steps: stepIndex === undefined ? steps : steps.slice(0, stepIndex + 1),
});
