/** Random sequences per second: how fast `explore` makes them, plays them in a guest, and judges the answers. */
import type { CellPlan } from "../check/cell_plan.ts";
import type { Execution } from "../check/execution.ts";
import { targetOf } from "../check/preparation.ts";
import { generate } from "../explore/generate.ts";
import type { Playable } from "../explore/playable.ts";
import { Player } from "../explore/player.ts";
import { MismatchError } from "./mismatch.ts";

/** What it took to play some sequences. */
export interface Exploring {
  readonly sequences: number;
  /** Of all sequences: each predicted by both models, its answers and read-backs compared. */
  readonly steps: number;
  /** Requests that were answered and compared. */
  readonly actions: number;
  readonly durationMs: number;
  /** Time for making sequences, which is for predicting them. */
  readonly generateMs: number;
  /** Time in which there was nothing to do but wait for the guest. */
  readonly waitMs: number;
}

/** Whoever plays the sequences. */
export type SequencePlayer = Pick<Player, "playAll" | "waitedMs">;

/** Sequences of one repetition. */
export interface ExploringOptions {
  readonly seed: number;
  readonly sequences: number;
  /** Steps of a sequence at most. */
  readonly stepsMost: number;
}

/**
 * Explores on guests of its own.
 * @param signal aborted, guests end at once
 * @returns one entry per repetition, each with the next seed
 * @throws CannotTestError, GuestLost, MismatchError
 */
export async function explorings(
  plan: CellPlan,
  { repeat, seed, ...options }: ExploringOptions & { readonly repeat: number },
  signal: AbortSignal,
): Promise<Exploring[]> {
  const target = targetOf(plan);
  await using player = new Player(plan, target, signal);
  // Boots the guest, which isn't what is measured.
  await player.checkWorld();
  const measured: Exploring[] = [];
  for (let round = 0; round < repeat; round++) {
    const of = (index: number) => generate(seed + round, index, target, options);
    measured.push(await measureExploring(player, options.sequences, of));
  }
  return measured;
}

/**
 * Plays so many sequences.
 * @throws MismatchError where the guest does otherwise than predicted
 */
export async function measureExploring(
  player: SequencePlayer,
  sequences: number,
  sequenceOf: (index: number) => Playable,
): Promise<Exploring> {
  const counted = { steps: 0, actions: 0 };
  const waitedBefore = player.waitedMs;
  const begin = performance.now();
  let generateMs = 0;
  function* made(): Generator<Playable> {
    for (let index = 0; index < sequences; index++) {
      const begin = performance.now();
      const playable = sequenceOf(index);
      generateMs += performance.now() - begin;
      yield playable;
    }
  }
  await player.playAll(made(), (playable, execution) => {
    requirePredicted(playable, execution);
    counted.steps += playable.sequence.steps.length;
    counted.actions += playable.prediction.actions.length;
    return true;
  });
  const durationMs = performance.now() - begin;
  return { sequences, ...counted, durationMs, generateMs, waitMs: player.waitedMs - waitedBefore };
}

function requirePredicted({ scenario: { id } }: Playable, execution: Execution): void {
  const { verdict, actionText = "", difference, reason = verdict } = execution;
  if (verdict === "match" || verdict === "known") return;
  const what = difference ? `predicted ${difference.predicted}, observed ${difference.observed}` : reason;
  throw new MismatchError(`${id}: ${actionText}: ${what}`);
}
